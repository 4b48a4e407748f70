import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import { trainTokenizer } from './bpe-trainer.js';
import { loadTokenizer } from './load-tokenizer.js';
import { tokenizerFromJson } from './tokenizer.js';

const json = trainTokenizer(['a small drawing of a fox'], 516);
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-tokenizer-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** The tokenizer of a folder, with steps before CLIP's own normalizer. */
async function load(...steps: object[]) {
  const [normalizer] = [json.normalizer as { normalizers: object[] }];
  const changed = { ...json, normalizer: { type: 'Sequence', normalizers: [...steps, ...normalizer.normalizers] } };
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(changed));
  return loadTokenizer(folder);
}
const replace = (Regex: string, content: string) => ({ type: 'Replace', pattern: { Regex }, content });

describe('a stranger’s tokenizer', () => {
  it('gives the same tokens under a deadline as without one', async () => {
    const texts = Array.from({ length: 600 }, (_, i) => `a fox ${i}`);
    const own = await load(replace('[0-9]+ ', 'fox'));
    expect(own.encode(texts, 12)).toEqual(tokenizerFromJson(json).encode(texts, 12));
    expect(own.tokens('a fox')).toEqual(tokenizerFromJson(json).tokens('a fox'));
  });

  it('is ended where one of its expressions does not end', async () => {
    const slow = await load(replace('(a+)+$', 'x'));
    expect(slow.tokens('a fox')).toHaveLength(tokenizerFromJson(json).tokens('a fox').length);
    const text = `${'a'.repeat(40)}!`;
    expect(() => slow.encode([text], 12)).toThrow(UserError);
    expect(() => slow.tokens(text)).toThrow(
      `${join(folder, 'tokenizer.json')}: expected to tokenize a text within 3 s`,
    );
    expect(slow.tokens('a fox')).toHaveLength(tokenizerFromJson(json).tokens('a fox').length);
  }, 30_000);

  it('may not make a text a thousand times as long', async () => {
    const steps = Array.from({ length: 50 }, () => replace('a', 'aa'));
    await expect(load(...steps)).rejects.toThrow(
      `${join(folder, 'tokenizer.json')}: normalizer: expected one that makes a text at most 1000 times as long`,
    );
  });
});
