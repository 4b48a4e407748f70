import { expect, it } from 'vitest';
import { input, matmul } from '../tensor/index.js';
import { type FisherKind, type FisherSamples, fisherInformation } from './fisher.js';

const weight = [
  [0.4, -0.3],
  [-0.2, 0.5],
  [0.1, 0.2],
];
const images = [
  [1, 0.5],
  [-0.7, 1.2],
  [0.3, -1.1],
  [0.9, 0.4],
];
const labels = [0, 1, 2, 1];

const logitsOf = (w: number[][], x: number[]) => w.map((row) => row[0]! * x[0]! + row[1]! * x[1]!);
const softmaxOf = (z: number[]) => {
  const e = z.map(Math.exp);
  const total = e.reduce((a, b) => a + b);
  return e.map((value) => value / total);
};
/** ∂ log p(y | x) / ∂W by central differences. */
const gradientOf = (x: number[], y: number) =>
  weight.flatMap((row, i) =>
    row.map((_, j) => {
      const at = (step: number) => {
        const moved = weight.map((r) => [...r]);
        moved[i]![j]! += step;
        return Math.log(softmaxOf(logitsOf(moved, x))[y]!);
      };
      return (at(1e-5) - at(-1e-5)) / 2e-5;
    }),
  );
const meanOf = (rows: number[][]) => rows[0]!.map((_, k) => rows.reduce((sum, row) => sum + row[k]!, 0) / rows.length);
const squared = (values: number[]) => values.map((value) => value ** 2);

const params = { weight: { shape: [3, 2], data: Float32Array.from(weight.flat()) } };
const samples = (known: readonly (number | undefined)[] = labels): FisherSamples => ({
  count: images.length,
  probabilities: (n) => Float64Array.from(softmaxOf(logitsOf(weight, images[n]!))),
  label: (n) => known[n],
  // The classes of a sample stand in the order that is asked for.
  feeds: (n, classes) => ({
    x: { shape: [1, 2], data: Float32Array.from(images[n]!) },
    order: {
      shape: [3, 3],
      data: Float32Array.from(classes.flatMap((c) => [0, 1, 2].map((k) => (k === c ? 1 : 0)))),
    },
  }),
});
const run = async (kind: FisherKind, more: { samples?: FisherSamples; seed?: number; mass?: number } = {}) => {
  const w = input('weight', [3, 2]);
  const all = matmul(input('x', [1, 2]), w, { transposeB: true }); // [1, 3]
  const logits = matmul(all, input('order', [3, 3]), { transposeB: true });
  const graph = { params, parameters: { weight: w }, frozen: {}, logits };
  const found = await fisherInformation(graph, more.samples ?? samples(), {
    kind,
    seed: more.seed ?? 0,
    mass: more.mass,
  });
  return [...found.weight!.data];
};
const close = (found: number[], expected: number[]) => {
  for (const [k, value] of expected.entries()) expect(found[k]).toBeCloseTo(value, 5);
};

it('exact is the expectation over the student’s own classes of each sample’s squared gradient', async () => {
  const expected = meanOf(
    images.map((x) => {
      const p = softmaxOf(logitsOf(weight, x));
      return meanOf(p.map((_, y) => squared(gradientOf(x, y)).map((value) => value * p[y]! * p.length)));
    }),
  );
  close(await run('exact'), expected);
  close(await run('exact', { samples: samples(images.map(() => undefined)) }), expected);
});

it('empirical is the mean of squared gradients, not the square of their mean', async () => {
  const gradients = images.map((x, n) => gradientOf(x, labels[n]!));
  const found = await run('empirical');
  close(found, meanOf(gradients.map(squared)));
  const classicMistake = squared(meanOf(gradients));
  const most = Math.max(...found.map((value, k) => value / classicMistake[k]!));
  expect(most).toBeGreaterThan(2);
});

it('sample is near exact over many draws, and reads no label', async () => {
  const exact = await run('exact');
  const draws = [];
  for (let seed = 0; seed < 60; seed++) {
    draws.push(await run('sample', { seed, samples: samples(images.map(() => undefined)) }));
  }
  for (const [k, value] of meanOf(draws).entries()) expect(Math.abs(value / exact[k]! - 1)).toBeLessThan(0.25);
});

it('iewc weighs each sample by the gradient at its logits', async () => {
  const sizes = images.map((x, n) =>
    softmaxOf(logitsOf(weight, x)).reduce((sum, p, c) => sum + (p - (c === labels[n] ? 1 : 0)) ** 2, 0),
  );
  const sorted = [...sizes].sort((a, b) => a - b);
  const tau = 0.01 * ((sorted[1]! + sorted[2]!) / 2);
  const expected = meanOf(
    images.map((x, n) => squared(gradientOf(x, labels[n]!)).map((value) => value / (sizes[n]! + tau))),
  );
  close(await run('iewc'), expected);
});

it('refuses no images, and labels that are not there', async () => {
  await expect(run('sample', { samples: { ...samples(), count: 0 } })).rejects.toThrow(
    /ewc: expected at least one image for the Fisher information, got none/,
  );
  await expect(run('empirical', { samples: samples(images.map(() => undefined)) })).rejects.toThrow(
    /ewc.fisher: empirical reads labels, and an image has none/,
  );
});
