import { describe, expect, it } from 'vitest';
import { type AugmentOptions, augmentOptions, drawMix } from '../augment/index.js';
import type { ImageTextDataset } from '../data/index.js';
import { listTexts } from '../distill/batches/text-bank.js';
import { Random } from '../math/random.js';
import { dataset as colours, teacher, tokenizer } from '../test/colours.fixture.js';
import { ContrastiveBatches } from './contrastive-batches.js';

const [batch, context, size] = [6, 60, 16];
const examples = colours.splits.train!.filter(({ captions }) => captions.length > 0);
const captions = ['a photo of a red car', 'a red dog chasing a small cat'];
const dataset: ImageTextDataset = {
  ...colours,
  splits: { train: examples.map((example) => ({ ...example, captions })) },
};

async function feeds(augment: AugmentOptions, data: ImageTextDataset = colours) {
  const settings = { split: 'train', batch, context, seed: 3, preprocess: teacher.preprocess, tokenizer };
  const batches = new ContrastiveBatches(data, { ...settings, augment });
  const all = [];
  for (let n = 0; n < 4; n++) {
    const { pixels, ids, matches } = await batches.batch(n);
    all.push({ pixels: pixels.data.slice(), ids: ids.data.slice(), matches: matches.data.slice() });
  }
  await batches.dispose();
  return all;
}

describe('contrastive batches', () => {
  const mix = { mixup: 1, cutmix: 1, probability: 1 };

  it('mix every image with the next, and match both images’ texts by λ and 1 − λ', async () => {
    const [plain, mixed] = [await feeds(augmentOptions.parse({})), await feeds(augmentOptions.parse({ mix }))];
    const kinds = new Set<string>();
    for (const [n, { pixels, matches }] of mixed.entries()) {
      const { share, box } = drawMix(mix, size, new Random(3, 'mix', n))!;
      kinds.add(box ? 'cutmix' : 'mixup');
      const before = plain[n]!;
      for (let i = 0; i < batch; i++) {
        const next = (i + 1) % batch;
        for (let j = 0; j < batch; j++) {
          const expected = share * before.matches[i * batch + j]! + (1 - share) * before.matches[next * batch + j]!;
          expect(matches[i * batch + j]).toBeCloseTo(expected, 5);
        }
        const numbers = 3 * size * size;
        for (let k = 0; k < numbers; k++) {
          const [x, y] = [k % size, Math.floor(k / size) % size];
          const inside = box && x >= box.left && x < box.right && y >= box.top && y < box.bottom;
          const first = box ? (inside ? 0 : 1) : share;
          const expected = first * before.pixels[i * numbers + k]! + (1 - first) * before.pixels[next * numbers + k]!;
          // Half a level of 255, over a deviation of about 0.26.
          expect(Math.abs(pixels[i * numbers + k]! - expected)).toBeLessThan(0.51 / 255 / 0.26);
        }
      }
    }
    expect(kinds).toEqual(new Set(['mixup', 'cutmix']));
  });

  it('say captions in other ways, which match the same images', async () => {
    const text = { synonyms: 0.5, paraphrase: 0.7 };
    const [plain, said, again] = [
      await feeds(augmentOptions.parse({}), dataset),
      await feeds(augmentOptions.parse({ text }), dataset),
      await feeds(augmentOptions.parse({ text }), dataset),
    ];
    expect(said).toEqual(again);
    expect(said.map(({ pixels, matches }) => ({ pixels, matches }))).toEqual(
      plain.map(({ pixels, matches }) => ({ pixels, matches })),
    );
    const changed = said.filter(({ ids }, n) => ids.join() !== plain[n]!.ids.join());
    expect(changed.length).toBeGreaterThan(2);
  });
});

describe('listTexts', () => {
  const text = { synonyms: 0.5, paraphrase: 0.7, back_translation: 0, language: 'fr', variants: 6 } as const;
  const list = (seed: number) => listTexts(dataset, dataset.splits.train!, ['a drawing of {}'], true, { text, seed });

  it('adds other ways to say captions, the same from the same seed; class names stay', () => {
    const { texts, captions: own } = list(1);
    expect(list(1)).toEqual({ texts, captions: own, classes: list(1).classes });
    expect(list(2).texts).not.toEqual(texts);
    for (const { id, label } of dataset.splits.train!) {
      const ways = own.get(id)!.map((i) => texts[i]!);
      expect(ways).toEqual(expect.arrayContaining(captions));
      expect(ways.length).toBeGreaterThan(captions.length);
      if (colours.classes[label!]!.name === 'red') expect(ways.every((way) => /\bred\b/.test(way))).toBe(true);
    }
  });

  it('takes what models made of captions, where the class name is in it', () => {
    const [kept, lost] = ['in the photo a red car', 'in the photo a car'];
    const models = { ...text, synonyms: 0, paraphrase: 1 };
    const ways = (other: string) => {
      const sayings = { paraphrased: new Map([[captions[0]!, other]]) };
      const augment = { text: models, seed: 1, sayings };
      const made = listTexts(dataset, dataset.splits.train!, ['a drawing of {}'], true, augment);
      return new Map(
        dataset.splits.train!.map(({ id, label }) => [
          colours.classes[label!]!.name,
          made.captions.get(id)!.map((i) => made.texts[i]!),
        ]),
      );
    };
    expect(ways(kept).get('red')).toEqual([...captions, kept]);
    expect(ways(lost).get('red')).toEqual(captions);
    expect(ways(lost).get('green')).toEqual([...captions, lost]);
  });

  it('leaves captions alone without it', () => {
    const { texts } = listTexts(dataset, dataset.splits.train!, ['a drawing of {}'], true);
    expect(texts.slice(4)).toEqual(captions);
  });
});
