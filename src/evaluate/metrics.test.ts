import { describe, expect, it } from 'vitest';
import { wilson } from '../math/interval.js';
import { median, quantile } from '../math/quantile.js';
import { dot, dots, type Rows, selectRows } from '../math/rows.js';
import { baseNovel } from './base-novel.js';
import { byArtist } from './by-artist.js';
import { byTrainingCount } from './long-tail.js';
import { foldRetrieval, retrieval } from './retrieval.js';
import { classFeatures, type Prediction, topClasses, zeroShotAccuracy } from './zero-shot.js';

const rows = (data: number[][]): Rows => ({
  data: Float32Array.from(data.flat()),
  count: data.length,
  width: data[0]!.length,
});
/** Images e_0, e_1, …: the score of image i and text t is then texts[t][i]. */
const basis = (n: number) => rows(Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, k) => +(i === k))));
const prediction = (label: number, ...guesses: number[]): Prediction => ({
  id: `${label}`,
  label,
  top: guesses.map((guess) => ({ label: guess, probability: 0.2 })),
});

describe('dots', () => {
  it.each([
    [3, 7],
    [4, 8],
    [1, 1],
  ])('gives for %i rows of %i numbers what dot gives for each', (count, width) => {
    const some = rows(
      Array.from({ length: count }, (_, i) => Array.from({ length: width }, (_, k) => Math.sin(i + 3 * k))),
    );
    const all = dots(some, count - 1, some, new Float64Array(count));
    expect([...all]).toEqual(Array.from({ length: count }, (_, j) => dot(some, count - 1, some, j)));
    expect(all[0]).toBeCloseTo(
      Array.from({ length: width }, (_, k) => Math.sin(3 * k) * Math.sin(count - 1 + 3 * k)).reduce((a, b) => a + b),
      6,
    );
  });
});

describe('wilson', () => {
  it.each([
    [8, 10, 0.4901625, 0.9433178],
    [50, 100, 0.4038315, 0.5961685],
    [0, 10, 0, 0.2775328],
    [10, 10, 0.7224672, 1],
  ])('of %i in %i is %f to %f', (k, n, low, high) => {
    const interval = wilson(k, n);
    expect(interval.value).toBe(k / n);
    expect(interval.low).toBeCloseTo(low, 6);
    expect(interval.high).toBeCloseTo(high, 6);
  });

  it('refuses a share of nothing', () => {
    expect(() => wilson(0, 0)).toThrow(/n > 0, got k 0, n 0/);
    expect(() => wilson(3, 2)).toThrow(/k ≤ n/);
  });
});

describe('quantile', () => {
  it('is linear between values', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(quantile([5, 1, 2, 3, 4], 0.95)).toBeCloseTo(4.8, 12);
    expect(quantile([7], 0.95)).toBe(7);
  });
});

describe('long tail', () => {
  const trained = [0, 0, 0, 0, 0, 1, 1, 1, 2].map((label, i) => ({ id: `${i}`, label, captions: [] }));
  const predictions = [
    prediction(0, 0),
    prediction(0, 0),
    prediction(1, 0),
    prediction(1, 1),
    prediction(2, 0),
    // Class 3 was not trained at all.
    prediction(3, 2),
  ];

  it('groups classes by what they were trained on', () => {
    const groups = byTrainingCount(predictions, trained, { many: 4, few: 2 });
    expect(groups.map(({ name, trained, classes, images }) => [name, trained, classes, images])).toEqual([
      ['many', [5, 5], 1, 2],
      ['medium', [3, 3], 1, 2],
      ['few', [0, 1], 2, 2],
    ]);
    expect(groups.map(({ top1 }) => top1)).toEqual([wilson(2, 2), wilson(1, 2), wilson(0, 2)]);
    // Class 0 is predicted four times and right twice; class 2 is predicted once for another.
    expect(groups.map(({ macroF1 }) => +macroF1.toFixed(6))).toEqual([+(4 / 6).toFixed(6), +(2 / 3).toFixed(6), 0]);
    expect(groups[1]!.meanPerClass).toBe(0.5);
  });

  it('by the usual limits calls all of them few, and leaves empty groups out', () => {
    expect(byTrainingCount(predictions, trained).map(({ name }) => name)).toEqual(['few']);
  });

  it('refuses limits that overlap, and training without classes', () => {
    expect(() => byTrainingCount(predictions, trained, { many: 3, few: 5 })).toThrow(/overlap/);
    expect(() => byTrainingCount(predictions, [])).toThrow(/training images with a class/);
  });
});

describe('zero-shot', () => {
  it('makes one unit vector of a class’s texts', () => {
    const { data } = classFeatures(
      rows([
        [1, 0],
        [0.28, 0.96],
        [0.6, 0.8],
      ]),
      [[0, 1], [2]],
    );
    expect(Array.from(data, (x) => +x.toFixed(6))).toEqual([0.8, 0.6, 0.6, 0.8]);
  });

  it('ranks classes with softmax probabilities; of equal ones the first wins', () => {
    const image = rows([[1, 0]]);
    const classes = rows([
      [0.5, 0],
      [0.9, 0],
      [0.5, 1],
      [0.9, 0],
    ]);
    const top = topClasses(image, 0, classes, [10, 11, 12, 13], 10, 3);
    expect(top.map(({ label }) => label)).toEqual([11, 13, 10]);
    const total = 2 * Math.exp(9) + 2 * Math.exp(5);
    expect(top[0]!.probability).toBeCloseTo(Math.exp(9) / total, 6);
    expect(top[2]!.probability).toBeCloseTo(Math.exp(5) / total, 6);
  });

  it('gives all classes where there are fewer than asked for, and one class for certain', () => {
    const image = rows([[1, 0]]);
    expect(
      topClasses(
        image,
        0,
        rows([
          [0, 1],
          [1, 0],
        ]),
        [0, 1],
        1,
        5,
      ).map(({ label }) => label),
    ).toEqual([1, 0]);
    expect(topClasses(image, 0, rows([[0, 1]]), [4], 100, 5)).toEqual([{ label: 4, probability: 1 }]);
  });

  it('computes top-1, top-5, mean per class and macro-F1', () => {
    const { top1, top5, meanPerClass, macroF1 } = zeroShotAccuracy([
      prediction(0, 0, 1),
      prediction(0, 0, 1),
      prediction(0, 1, 0),
      prediction(1, 1, 0),
      prediction(1, 2, 3, 4, 5, 1),
      prediction(2, 3, 4, 5, 6, 7, 2),
    ]);
    expect(top1).toEqual(wilson(3, 6));
    expect(top5).toEqual(wilson(5, 6));
    expect(meanPerClass).toBeCloseTo((2 / 3 + 1 / 2 + 0) / 3, 12);
    // Class 3 never occurs, but it is predicted.
    expect(macroF1).toBeCloseTo((4 / 5 + 2 / 4 + 0 + 0) / 4, 12);
  });

  it('of one class is certain', () => {
    expect(zeroShotAccuracy([prediction(0, 0)])).toMatchObject({ top1: { value: 1 }, meanPerClass: 1, macroF1: 1 });
  });
});

describe('by artist', () => {
  it('counts each artist, the unseen ones last', () => {
    const drawn = (artist: string | undefined, label: number, guess: number) => ({
      ...prediction(label, guess),
      artist,
    });
    const predictions = [
      drawn('B', 0, 0),
      drawn('A', 0, 0),
      drawn('B', 1, 0),
      drawn('C', 1, 1),
      drawn(undefined, 1, 1),
    ];
    expect(byArtist(predictions, new Set(['B', 'C']))).toEqual([
      { artist: 'B', images: 2, unseen: false, top1: wilson(1, 2) },
      { artist: 'C', images: 1, unseen: false, top1: wilson(1, 1) },
      { artist: 'A', images: 1, unseen: true, top1: wilson(1, 1) },
    ]);
  });
});

describe('base to novel', () => {
  it('takes the harmonic mean, 0 where nothing is right', () => {
    expect(baseNovel(wilson(8, 10), wilson(2, 10)).harmonic).toBeCloseTo(0.32, 12);
    expect(baseNovel(wilson(0, 10), wilson(0, 10)).harmonic).toBe(0);
  });
});

describe('retrieval', () => {
  it('counts a query where any of its right answers is among the best', async () => {
    const texts = rows([
      [0.9, 0.7, 0.3],
      [0.1, 0.5, 0.4],
      [0.2, 0.6, 0.4],
      [0.8, 0.1, 0.2],
    ]);
    // Text 1 belongs to two images.
    const { imageToText, textToImage, ...counts } = await retrieval(basis(3), texts, [[0, 3], [1], [2, 1]]);
    expect(counts).toEqual({ images: 3, texts: 4 });
    // Image 1's only caption is its third best; image 2's two captions tie for the first place.
    expect(imageToText).toEqual({ r1: wilson(2, 3), r5: wilson(3, 3), r10: wilson(3, 3) });
    // Text 2 finds image 1 before its own.
    expect(textToImage).toEqual({ r1: wilson(3, 4), r5: wilson(4, 4), r10: wilson(4, 4) });
  });

  it('of equal captions in rows of their own takes those of other images for wrong, and in one row for right', async () => {
    // Text 1 says what text 0 says; image 0 is a little nearer to both than image 1.
    const texts = rows([
      [1, 0, 0],
      [1, 0, 0],
      [0, 0, 1],
    ]);
    const images = rows([
      [0.9, 0.1, 0],
      [0.8, 0.2, 0],
      [0, 0, 1],
    ]);
    const each = await retrieval(images, texts, [[0], [1], [2]]);
    expect([each.imageToText.r1, each.textToImage.r1]).toEqual([wilson(2, 3), wilson(2, 3)]);
    const once = await retrieval(images, selectRows(texts, [0, 2]), [[0], [0], [1]]);
    expect([once.imageToText.r1, once.textToImage.r1]).toEqual([wilson(3, 3), wilson(2, 2)]);
  });

  it('scores a model that tells nothing apart as one that guesses', async () => {
    const n = 70;
    const same = rows(Array.from({ length: n }, () => [1, 0]));
    const captions = Array.from({ length: n }, (_, i) => [i]);
    const guess = { r1: wilson(1, n), r5: wilson(5, n), r10: wilson(10, n) };
    expect(await retrieval(same, same, captions)).toEqual({
      images: n,
      texts: n,
      imageToText: guess,
      textToImage: guess,
    });
  });

  it('is right of everything where images and texts pair up, across chunks', async () => {
    const n = 70;
    const { imageToText, textToImage } = await retrieval(
      basis(n),
      basis(n),
      Array.from({ length: n }, (_, i) => [i]),
    );
    expect([imageToText.r1.value, textToImage.r1.value]).toEqual([1, 1]);
  });
});

describe('retrieval by folds', () => {
  it('searches each fold with its own captions alone, and averages', async () => {
    // Six images with a caption each; image 1 and text 4 are nearest to each other, across the folds of three.
    const images = basis(6);
    const texts = basis(6);
    texts.data[4 * 6 + 4] = 0.5;
    texts.data[4 * 6 + 1] = 2;
    const captions = [0, 1, 2, 3, 4, 5].map((i) => [i]);
    expect((await retrieval(images, texts, captions)).imageToText.r1.value).toBeCloseTo(5 / 6);
    const { folds, images: each, imageToText, textToImage } = await foldRetrieval(images, texts, captions, 2);
    expect([folds, each]).toEqual([2, 3]);
    expect([imageToText.r1, textToImage.r1]).toEqual([1, 1]);
    // A fold that is less than right lowers the mean by its share.
    const wrong = [[1], [0], [2], [3], [4], [5]];
    expect((await foldRetrieval(images, texts, wrong, 2)).imageToText).toEqual({ r1: (1 / 3 + 1) / 2, r5: 1, r10: 1 });
    await expect(foldRetrieval(images, texts, captions, 7)).rejects.toThrow('expected at most 6');
  });
});
