import { describe, expect, it } from 'vitest';
import type { Example, ImageTextDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { embedTexts } from '../evaluate/embed.js';
import { evaluateModel } from '../evaluate/evaluate.js';
import { dataset as colours, teacher } from '../test/colours.fixture.js';
import { heldOutFigures, rivals } from './held-out.js';
import type { PromptSearchOptions } from './options.js';
import { partsOf } from './parts.js';
import { findPrompts, gainOverDefault } from './search.js';
import { TemplateBank } from './text-bank.js';
import { TokenGradients } from './token-gradients.js';

const images = (kind: string, each: number, labelled = true): Example[] =>
  [0, 1, 2, 3].flatMap((label) =>
    Array.from({ length: each }, (_, i) => ({
      id: `${kind}-${label}-${'x'.repeat(i)}`,
      ...(labelled ? { label } : {}),
      captions: [],
    })),
  );
// An image's class is in its id, so that images without a label have one to be drawn in.
const dataset: ImageTextDataset = {
  ...colours,
  splits: {
    val: images('val', 6),
    test: images('test', 5),
    flat: images('flat', 4, false),
    one: images('one', 8),
  },
  load: (example) => colours.load({ ...example, label: Number(example.id.split('-')[1]) }),
};
const model = teacher;
const small: PromptSearchOptions = {
  threads: 1,
  domains: ['drawings'],
  templates: 25,
  size: 3,
  beam: 2,
  pool: 10,
  generations: 2,
  population: 6,
  tuned: 1,
};

describe('findPrompts', () => {
  it('finds a set by labels and reports it on other images, the same from the same seed', async () => {
    const seen: string[] = [];
    const result = await findPrompts(model, dataset, {
      ...small,
      onProgress: (phase) => void (seen.at(-1) === phase || seen.push(phase)),
    });
    const { found, choice, heldOut } = result;
    expect(found.templates.length).toBeLessThanOrEqual(3);
    expect(found.weights.reduce((a, b) => a + b)).toBeCloseTo(1);
    expect(result).toMatchObject({ split: 'val', images: 24, classes: 4, by: 'labels' });
    // The defaults, what is published, 25 drawn ones, and what evolved out of them.
    expect(result.scored).toBeGreaterThan(25 + 2 + 80);
    expect(choice!.fit.top1).toBeGreaterThanOrEqual(0.25);
    expect(seen).toEqual(['images', 'templates', 'evolution', 'sets', 'held-out images']);

    expect(heldOut).toMatchObject({ split: 'test', images: 20 });
    const [ours, ...others] = heldOut!.figures;
    expect(ours!.gain).toBeUndefined();
    expect(others.map(({ name }) => name)).toEqual(
      expect.arrayContaining([expect.stringContaining('default'), 'openai-imagenet', 'openai-imagenet-select']),
    );
    for (const { top1, gain } of others) {
      expect(gain!.value).toBeCloseTo(ours!.top1.value - top1.value, 9);
      expect(gain!.low).toBeLessThanOrEqual(gain!.value);
    }
    const again = await findPrompts(model, dataset, small);
    expect({ ...again, seconds: 0 }).toEqual({ ...result, seconds: 0 });

    // What is reported is what evaluate gives with these templates and weights.
    const { zeroShot } = await evaluateModel(model, dataset, {
      ...found,
      threads: 1,
      latencyRuns: 0,
    });
    expect(zeroShot!.top1).toEqual(ours!.top1);
  });

  it('keeps the default templates where no set it found does better on the images that choose', async () => {
    const first = await findPrompts(model, dataset, small);
    const defaults = first.found.templates;
    // A search too small to find them again.
    const poor = { ...small, defaults, templates: 1, pool: 1, size: 1, generations: 0, tuned: 0 };
    const second = await findPrompts(model, dataset, poor);
    const [better, worse] = [second.choice!.validation, first.choice!.validation];
    expect(better.top1).toBeGreaterThanOrEqual(worse.top1);
    if (defaults.length > 1) expect(second.choice!.method).toBe('default');
    expect(gainOverDefault(second)).toBeDefined();
  });

  it('needs no labels to search, and none to be there', async () => {
    const options = { ...small, unlabelled: true, split: 'flat' };
    const result = await findPrompts(model, dataset, options);
    expect(result).toMatchObject({ images: 16, classes: 4 });
    expect(result.choice).toBeUndefined();
    expect(result.found.templates.length).toBeLessThanOrEqual(3);
    expect(result.heldOut!.images).toBe(20);
    const relabelled = { ...dataset, splits: { ...dataset.splits, flat: images('flat', 4) } };
    expect((await findPrompts(model, relabelled, options)).found).toEqual(result.found);
    expect((await findPrompts(model, dataset, { ...options, heldOut: 'flat' })).heldOut).toBeUndefined();
  });

  it('uses the names of the classes where there are no labels, and captions where there are no classes; says so', async () => {
    const said: string[] = [];
    const onMessage = (message: string) => void said.push(message);
    const flat = await findPrompts(model, dataset, { ...small, split: 'flat', onMessage });
    expect([flat.by, flat.images, flat.classes]).toEqual(['class names', 16, 4]);
    expect(said).toEqual(['no image of flat has a class: searching without labels, by the names of the 4 classes']);

    const told = (kind: string) =>
      images(kind, 2, false).map((image, i) => ({
        ...image,
        captions: ['shared', `${colours.classes[i >> 1]!.name} ${i}`],
      }));
    const captions = { ...dataset, classes: [], splits: { val: told('val'), test: told('test') } };
    const found = await findPrompts(model, captions, { ...small, onMessage });
    expect([found.by, found.images, found.classes, found.heldOut!.images]).toEqual(['captions', 8, 8, 8]);
    expect(said[1]).toMatch(/has no classes: searching by captions; .* how many of 8 images are nearest/);
    expect(gainOverDefault(found)).toBeDefined();
    const bare = { ...captions, splits: { val: images('val', 1, false), test: images('test', 1, false) } };
    await expect(findPrompts(model, bare, small)).rejects.toThrow(
      'expected images with a class or a caption to search by',
    );
  });

  it.each([
    [{ split: 'flat', tokens: 1 }, 'split flat: expected images with a class to search tokens by, found 0'],
    [{ split: 'vall' }, 'no split vall; it has val, test, flat, one; did you mean val?'],
    [{ domains: ['drawing'] }, 'did you mean drawings?'],
  ])('refuses %j', async (options, reason) => {
    await expect(findPrompts(model, dataset, { ...small, ...options })).rejects.toThrow(reason);
    await expect(findPrompts(model, dataset, { ...small, ...options })).rejects.toThrow(UserError);
  });
});

describe('gradients of a template’s words', () => {
  const names = ['red', 'green', 'blue'];
  const table = teacher.params['text_model.embeddings.token_embedding.weight']!;
  const width = table.shape[1]!;

  it('are the slope of the cross-entropy by the words’ embeddings', async () => {
    const images = { rows: await embedTexts(model, ['blue', 'red stripes'], { threads: 1 }), labels: [2, 0] };
    const gradients = new TokenGradients(model, names, images, { threads: 1 });
    expect(gradients.vocabulary.words).toContain('drawing');
    const template = { before: ['drawing', 'of'], after: ['stripes'] };
    const found = await gradients.of(template);
    const loss = async () => {
      const texts = await embedTexts(
        model,
        names.map((name) => `drawing of ${name} stripes`),
        { threads: 1 },
      );
      const scale = Math.exp(teacher.params.logit_scale!.data[0]!);
      const { data, width } = images.rows;
      let sum = 0;
      for (const [i, label] of images.labels.entries()) {
        const logits = names.map((_, c) => {
          let cosine = 0;
          for (let k = 0; k < width; k++) cosine += data[i * width + k]! * texts.data[c * width + k]!;
          return scale * cosine;
        });
        sum += Math.log(logits.reduce((total, logit) => total + Math.exp(logit), 0)) - logits[label]!;
      }
      return sum / images.labels.length;
    };
    for (const [i, word] of ['drawing', 'of', 'stripes'].entries()) {
      const [id, ...more] = teacher.tokenizer.tokens(word);
      if (more.length > 0) continue;
      const row = (table.data as Float32Array).subarray(id! * width, (id! + 1) * width);
      const kept = row.slice();
      const direction = found[i]!;
      const length = Math.hypot(...direction);
      const at = async (step: number) => {
        for (let k = 0; k < width; k++) row[k] = kept[k]! + (step * direction[k]!) / length;
        const value = await loss();
        row.set(kept);
        return value;
      };
      const slope = ((await at(2e-3)) - (await at(-2e-3))) / 4e-3;
      expect(Math.abs(slope - length), word).toBeLessThan(0.05 * length + 1e-4);
    }
  });

  it('guide a search, and need a plain checkpoint', async () => {
    const without = await findPrompts(model, dataset, small);
    const withTokens = await findPrompts(model, dataset, { ...small, tokens: 2 });
    expect(withTokens.scored).toBeGreaterThan(without.scored);
    const pair = { encoders: {} } as never;
    const images = { rows: { data: new Float32Array(0), count: 0, width: 1 }, labels: [] };
    expect(() => new TokenGradients(pair, names, images, {})).toThrow(UserError);
  });
});

describe('parts', () => {
  const options = { split: 'one', heldOut: 'one', images: 100, seed: 1 };

  it('cut a split that is to be both in two, class by class', () => {
    const { search, heldOut } = partsOf(dataset, options);
    expect([search.length, heldOut.length]).toEqual([16, 16]);
    expect(new Set([...search, ...heldOut].map(({ id }) => id)).size).toBe(32);
    for (const label of [0, 1, 2, 3]) expect(heldOut.filter((one) => one.label === label)).toHaveLength(4);
  });

  it('take at most so many images, and refuse one that is in both', () => {
    expect(partsOf(dataset, { ...options, heldOut: 'test', images: 5 }).search).toHaveLength(5);
    const leaking = { ...dataset, splits: { ...dataset.splits, test: dataset.splits.one! } };
    expect(() => partsOf(leaking, { ...options, heldOut: 'test' })).toThrow(/is in the split one and in test/);
  });
});

describe('text features', () => {
  const names = ['red', 'green', 'blue'];

  it('are computed once where they fit, and again where they do not', async () => {
    const [kept, none] = [
      new TemplateBank(model, names, { threads: 1 }),
      new TemplateBank(model, names, { threads: 1 }, 0),
    ];
    const templates = ['a [NAME]', '{}', 'many [OBJS]'];
    const first = await kept.features(templates);
    const again = await kept.features([...templates].reverse());
    expect(again.reverse().every((rows, i) => rows === first[i])).toBe(true);
    const [fresh] = await none.features(['{}']);
    expect((await none.features(['{}']))[0]).not.toBe(fresh);
    const direct = await embedTexts(model, names, { threads: 1 });
    for (const [k, value] of direct.data.entries()) expect(first[1]!.data[k]).toBeCloseTo(value, 5);
  });

  it('name rivals that say the same together', () => {
    const all = rivals(['a photo of a {}.']);
    expect(all[0]!.name).toMatch(/^default, coop-imagenet, coop-caltech101, .*coop-sun397$/);
    expect(new Set(all.map(({ templates }) => templates.join())).size).toBe(all.length);
  });

  it('are compared on the same images', async () => {
    const bank = new TemplateBank(model, names, { threads: 1 });
    const images = await embedTexts(model, ['red', 'green', 'blue'], { threads: 1 });
    const found = { templates: ['{}'], weights: [1] };
    const figures = await heldOutFigures(found, [{ name: 'same', ...found }], bank, images, [0, 1, 2], 0);
    // An image that is its class's text is recognised.
    expect(figures.map(({ top1 }) => top1.value)).toEqual([1, 1]);
    expect(figures[1]!.gain).toEqual({ value: 0, low: 0, high: 0 });
  });
});
