import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Random } from '../../math/random.js';
import { augmentText, saidByModels } from './index.js';
import { writeDictionaryModel } from './seq2seq.fixture.js';
import { loadSeq2Seq } from './seq2seq.js';

const english = ['a', 'the', 'car', 'cat', 'on', 'road', 'red'];
const french = { a: 'une', the: 'la', car: 'voiture', cat: 'chatte', on: 'sur', road: 'route', red: 'rouge' };
const back = { une: 'a', la: 'the', voiture: 'automobile', chatte: 'cat', sur: 'upon', route: 'street', rouge: 'red' };

let root = '';
let translation: { there: string; back: string };
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-seq2seq-'));
  vi.stubEnv('PROMPTKD_CACHE', join(root, 'cache'));
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  vi.stubEnv('HF_HUB_CACHE', join(root, 'hub'));
  translation = { there: join(root, 'en-fr'), back: join(root, 'fr-en') };
  await writeDictionaryModel(translation.there, english, french);
  await writeDictionaryModel(translation.back, Object.keys(back), back);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true });
});

describe('a sequence-to-sequence model', () => {
  it('says every text another way, of any length and in any batch', async () => {
    const model = await loadSeq2Seq(translation.there);
    const texts = ['a red car on the road', 'the cat', 'a cat on the road', ...new Array<string>(20).fill('a car')];
    const said = await model.say(texts);
    expect(said.slice(0, 4)).toEqual([
      'une rouge voiture sur la route',
      'la chatte',
      'une chatte sur la route',
      'une voiture',
    ]);
    expect(new Set(said.slice(3))).toEqual(new Set(['une voiture']));
    expect(await model.say(texts.slice(1, 2))).toEqual(['la chatte']);
    expect(await model.say([])).toEqual([]);
    await model.dispose();
  });

  it('puts a prefix before every text', async () => {
    const model = await loadSeq2Seq(translation.there, { prefix: 'the ' });
    expect(await model.say(['cat'])).toEqual(['la chatte']);
    await model.dispose();
  });

  it.each([
    ['no/such', {}, /^no\/such: no such folder, and HF_HUB_OFFLINE is set/],
    ['.', {}, /^\.: expected a translation or paraphrase model, a folder with config\.json, .*: no config\.json$/],
    ['en-fr', { dtype: 'q8' }, /: no onnx\/encoder_model_quantized\.onnx$/],
  ] as const)('refuses %s %j', async (name, options, message) => {
    const folder = name === 'en-fr' ? translation.there : name;
    const loading = loadSeq2Seq(folder, options);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toHaveProperty('name', 'UserError');
  });

  it('refuses a model that is broken', async () => {
    const broken = join(root, 'broken');
    await writeDictionaryModel(broken, english, french);
    await writeFile(join(broken, 'onnx', 'decoder_model_merged.onnx'), 'no model');
    await expect(loadSeq2Seq(broken)).rejects.toThrow(/broken: expected a model that Transformers\.js can run: /);
  });
});

describe('saidByModels', () => {
  it('translates there and back, once: the answers are kept', async () => {
    const texts = ['a car on the road', 'a cat'];
    const { translated } = await saidByModels(texts, { translation });
    expect([...translated!]).toEqual([['a car on the road', 'a automobile upon the street']]);
    expect(await readdir(join(root, 'cache', 'sayings'))).toHaveLength(1);
    expect((await saidByModels([...texts].reverse(), { translation })).translated).toEqual(translated);
    expect(await readdir(join(root, 'cache', 'sayings'))).toHaveLength(1);
  });

  it('says how far it is, and goes on where it was stopped', async () => {
    const texts = Array.from(
      { length: 300 },
      (_, i) => `a cat ${'on the road '.repeat(i % 3)}${'red '.repeat(i % 100)}car${' a'.repeat(i % 7)}`,
    );
    const all = new Set(texts).size;
    const controller = new AbortController();
    const seen: number[] = [];
    const onTexts = (what: string, done: number, total: number) => {
      expect([what, total]).toEqual(['translated', all]);
      seen.push(done);
      if (seen.length === 1) controller.abort(new Error('stopped'));
    };
    await expect(saidByModels(texts, { translation }, { signal: controller.signal, onTexts })).rejects.toThrow(
      'stopped',
    );
    await saidByModels(texts, { translation }, { onTexts });
    expect(seen).toEqual([128, 256, all]);
    await saidByModels(texts, { translation }, { onTexts });
    expect(seen).toHaveLength(3);
  });

  it('paraphrases texts and what translation made of them, and the class word stays', async () => {
    const model = join(root, 'paraphraser');
    const words = ['a', 'car', 'automobile', 'upon', 'the', 'street', 'on', 'road'];
    await writeDictionaryModel(model, words, { street: 'lane', road: 'way', upon: 'above' });
    const said = await saidByModels(['a car on the road'], { translation, paraphrase: { model } });
    expect([...said.paraphrased!]).toEqual([
      ['a automobile upon the street', 'a automobile above the lane'],
      ['a car on the road', 'a car on the way'],
    ]);
    const options = { synonyms: 0, paraphrase: 0.5, back_translation: 0.5, language: 'fr' } as const;
    const outcomes = (keep: string[]) =>
      [
        ...new Set(
          Array.from({ length: 60 }, (_, i) => augmentText('a car on the road', options, new Random(i), keep, said)),
        ),
      ].sort();
    expect(outcomes([])).toEqual([
      'a automobile above the lane',
      'a automobile upon the street',
      'a car on the road',
      'a car on the way',
    ]);
    expect(outcomes(['car'])).toEqual(['a car on the road', 'a car on the way']);
  });
});
