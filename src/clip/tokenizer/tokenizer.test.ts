import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import { trainTokenizer } from './bpe-trainer.js';
import { byteAlphabet } from './clip-tokenizer.js';
import { loadTokenizer } from './load-tokenizer.js';
import { tokenizerFromJson } from './tokenizer.js';

const folder = process.env.PROMPTKD_CLIP_TOKENIZER ?? '../shared/clip-tokenizer';
const golden = join(folder, 'golden_tokens.json');
const why = existsSync(golden)
  ? ''
  : ` (skipped: ${folder} has no CLIP vocabulary; name a folder in PROMPTKD_CLIP_TOKENIZER)`;

describe.skipIf(why !== '')(`CLIP's vocabulary${why}`, () => {
  it("gives OpenAI's ids, except where only OpenAI's tokenizer unescapes HTML", async () => {
    const tokenizer = await loadTokenizer(folder);
    expect(tokenizer).toMatchObject({ vocabSize: 49408, startId: 49406, endId: 49407 });
    const { cases } = JSON.parse(readFileSync(golden, 'utf8')) as {
      cases: { text: string; ids: number[]; padded77: number[] }[];
    };
    const differing: string[] = [];
    for (const { text, padded77 } of cases) {
      const { ids, eos } = tokenizer.encode([text], 77);
      const length = padded77.indexOf(49407) + 1;
      const same = eos[0] === length - 1 && ids.subarray(0, length).join() === padded77.slice(0, length).join();
      if (!same) differing.push(text);
    }
    expect(differing).toEqual(['AT&amp;T &lt;b&gt;']);
    const pieces = ['at</w>', '&</w>', 'amp</w>', ';</w>', 't</w>'].map((piece) => tokenizer.json.model.vocab[piece]);
    expect(tokenizer.tokens('AT&amp;T')).toEqual(pieces);
  });
});

describe('trainTokenizer', () => {
  const texts = [
    'a photo of a red panda',
    'A Photo of a Red Fox',
    'a drawing of two foxes',
    'naïve café 😀',
    "it's 12 o'clock",
  ];

  it('has the byte alphabet first and start and end token last', () => {
    const json = trainTokenizer(texts, 520);
    const { vocab } = json.model;
    expect(Object.keys(vocab)).toHaveLength(520);
    expect(new Set(byteAlphabet()).size).toBe(256);
    expect([vocab['!'], vocab['!</w>'], vocab['<|startoftext|>'], vocab['<|endoftext|>']]).toEqual([0, 256, 518, 519]);
    expect(new Set(Object.values(vocab)).size).toBe(520);
  });

  it('is deterministic and merges the most frequent pair first', () => {
    const json = trainTokenizer(texts, 600);
    expect(JSON.stringify(trainTokenizer(texts, 600))).toBe(JSON.stringify(json));
    expect((trainTokenizer(['ab ab ab cd cd'], 515).model as unknown as { merges: string[] }).merges).toEqual([
      'a b</w>',
    ]);
  });

  it('stops where no pair occurs twice', () => {
    expect(tokenizerFromJson(trainTokenizer(['abc'], 1000)).vocabSize).toBe(514);
  });

  it('refuses a vocabulary smaller than the alphabet', () => {
    expect(() => trainTokenizer(texts, 513)).toThrow(UserError);
  });

  it('encodes any text with ids of its vocabulary, padded with the end token', () => {
    const tokenizer = tokenizerFromJson(trainTokenizer(texts, 520));
    const { ids, eos } = tokenizer.encode(['a photo of a red fox', '', '日本語 🦊'], 16);
    expect(ids).toHaveLength(48);
    expect(Math.max(...ids)).toBeLessThan(520);
    expect([...ids.subarray(16, 32)]).toEqual([518, ...new Array(15).fill(519)]);
    expect(eos[1]).toBe(1);
    for (const n of [0, 1, 2]) expect(ids[n * 16 + eos[n]!]).toBe(519);
    expect(tokenizer.tokens('A  PHOTO\nof')).toEqual(tokenizer.tokens('a photo of'));
  });

  it('keeps the end token of a text that is cut', () => {
    const tokenizer = tokenizerFromJson(trainTokenizer(texts, 520));
    const { ids, eos } = tokenizer.encode(['one two three four five six'], 5);
    expect([ids[0], ids[4], eos[0]]).toEqual([518, 519, 4]);
  });
});

describe('loadTokenizer', () => {
  async function inFolder(files: Record<string, string>): Promise<unknown> {
    const temporary = await mkdtemp(join(tmpdir(), 'promptkd-tokenizer-'));
    try {
      for (const [name, content] of Object.entries(files)) await writeFile(join(temporary, name), content);
      return await loadTokenizer(temporary);
    } finally {
      await rm(temporary, { recursive: true });
    }
  }

  it('says which files are missing or wrong', async () => {
    await expect(inFolder({})).rejects.toThrow(/expected tokenizer.json, or vocab.json and merges.txt/);
    await expect(inFolder({ 'tokenizer.json': '{"model": {}}' })).rejects.toThrow(
      /tokenizer.json: expected a tokenizer.json/,
    );
    await expect(inFolder({ 'vocab.json': '{"a": 0}', 'merges.txt': '' })).rejects.toThrow(
      /vocab.json: expected the token <\|startoftext\|>/,
    );
    const vocab = JSON.stringify({ a: 0, '<|startoftext|>': 1, '<|endoftext|>': 2 });
    await expect(inFolder({ 'vocab.json': vocab, 'merges.txt': '#version: 0.2\na b c\n' })).rejects.toThrow(
      /two tokens a line, got "a b c"/,
    );
  });

  it('reads what was trained, with the pad token of tokenizer_config.json', async () => {
    const json = trainTokenizer(['a fox'], 514);
    const files = {
      'tokenizer.json': JSON.stringify(json),
      'tokenizer_config.json': '{"pad_token": {"content": "!"}}',
    };
    expect(await inFolder(files)).toMatchObject({ vocabSize: 514, startId: 512, endId: 513, padId: 0 });
  });
});
