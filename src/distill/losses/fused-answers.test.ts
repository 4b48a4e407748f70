import { expect, it } from 'vitest';
import { Random } from '../../math/random.js';
import { compile } from '../../runtime/program.js';
import * as t from '../../tensor/index.js';
import { type FusedSources, fusedDivergence, fusedTargets } from './fused-answers.js';

const [B, N, P, T] = [3, 4, 5, 2];
const random = new Random('fused');
const host = (...shape: number[]) => ({
  shape,
  data: Float32Array.from({ length: t.elements(shape) }, () => random.normal()),
});
const feeds = {
  student: host(B, N),
  ...{ 'a/image': host(B, P), 'a/text': host(N, P), 'b/image': host(B, 2), 'b/text': host(N, 2) },
  weights: { shape: [B, 2], data: Float32Array.from([0.2, 0.8, 0.5, 0.5, 1, 0]) },
  columns: { shape: [N, 2], data: Float32Array.from([0.1, 0.9, 0.3, 0.7, 0.5, 0.5, 1, 0]) },
  three: { shape: [B, 3], data: Float32Array.from([0.5, 0.3, 0.2, 0.6, 0.4, 0, 0.7, 0.1, 0.2]) },
  labels: { shape: [B, N], data: Float32Array.from([0, 1, 0, 0, 0, 0, 0, 0, 0.5, 0, 0.5, 0]) },
  known: { shape: [N], data: Float32Array.from([1, 1, 0, 0]) },
};
const inputs = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, t.input(name, shape)]));
const scale = t.constant({ shape: [], data: Float32Array.of(Math.log(7)) });
const sources = (more: Partial<FusedSources> = {}, known = false): FusedSources => ({
  teachers: [
    {
      image: inputs['a/image']!,
      text: inputs['a/text']!,
      scale,
      temperature: 1.5,
      known: known ? inputs.known : undefined,
    },
    { image: inputs['b/image']!, text: inputs['b/text']!, scale, temperature: 0.5 },
  ],
  weights: inputs.weights!,
  columns: inputs.columns!,
  isAdaptive: false,
  ...more,
});

type Table = number[][];
const rowsOf = ({ shape, data }: { shape: readonly number[]; data: Float32Array }): Table =>
  Array.from({ length: shape[0]! }, (_, i) => Array.from(data.subarray(i * shape[1]!, (i + 1) * shape[1]!)));
const softmax = (z: number[]) => {
  const e = z.map((x) => Math.exp(x));
  return e.map((x) => x / e.reduce((a, b) => a + b, 0));
};
/** 7 · cosine / (T τ) [B, N]. */
function logits(name: 'a' | 'b', temperature: number): Table {
  const [images, texts] = [rowsOf(feeds[`${name}/image`]), rowsOf(feeds[`${name}/text`])];
  const cosine = (x: number[], y: number[]) =>
    x.reduce((sum, v, i) => sum + v * y[i]!, 0) / Math.hypot(...x) / Math.hypot(...y);
  return images.map((x) => texts.map((y) => (7 * cosine(x, y)) / (T * temperature)));
}
const transposed = (z: Table) => z[0]!.map((_, j) => z.map((row) => row[j]!));
const [a, b] = [logits('a', 1.5).map(softmax), logits('b', 0.5).map(softmax)];
const [aImages, bImages] = [transposed(logits('a', 1.5)).map(softmax), transposed(logits('b', 0.5)).map(softmax)];
const mix = (parts: Table[], weights: Table) =>
  parts[0]!.map((row, i) => {
    const sum = row.map((_, j) => parts.reduce((total, part, s) => total + weights[i]![s]! * part[i]![j]!, 0));
    return sum.map((x) => x / sum.reduce((p, q) => p + q, 0));
  });
const deal = (p: Table, other: Table) =>
  p.map((row, i) => {
    const share = (row[2]! + row[3]!) / (other[i]![2]! + other[i]![3]!);
    return [row[0]!, row[1]!, share * other[i]![2]!, share * other[i]![3]!];
  });

async function run(outputs: Record<string, t.Tensor>) {
  const program = await compile({ outputs }, { threads: 1 });
  const out = await program.run(feeds);
  const plain = Object.fromEntries(Object.entries(out).map(([name, { data }]) => [name, Array.from(data)]));
  await program.dispose();
  return plain;
}
const close = (found: number[] | undefined, wanted: Table) => {
  for (const [i, x] of wanted.flat().entries()) expect(found![i]).toBeCloseTo(x, 5);
};

it('mixes probabilities, over texts and over images, each teacher at its own temperature', async () => {
  const { toTexts, toImages } = fusedTargets(sources(), T, true);
  const found = await run({ toTexts, toImages: toImages! });
  close(found.toTexts, mix([a, b], rowsOf(feeds.weights)));
  close(found.toImages, mix([aImages, bImages], rowsOf(feeds.columns)));
});

it('deals what a teacher does not know as the other has it', async () => {
  const { toTexts } = fusedTargets(sources({}, true), T, false);
  close((await run({ toTexts })).toTexts, mix([deal(a, b), b], rowsOf(feeds.weights)));
});

it('adaptive: teacher, prior within the unknown classes, and label', async () => {
  const adaptive = { weights: inputs.three!, labels: inputs.labels!, isAdaptive: true };
  const plain = fusedTargets(sources(adaptive), T, false).toTexts;
  const slice = fusedTargets(sources(adaptive, true), T, false).toTexts;
  const found = await run({ plain, slice });
  close(found.plain, mix([a, b, rowsOf(feeds.labels)], rowsOf(feeds.three)));
  close(found.slice, mix([a, deal(a, b), rowsOf(feeds.labels)], rowsOf(feeds.three)));
});

it('the loss is T² KL both ways, and no gradient goes into a teacher', async () => {
  const loss = fusedDivergence(inputs.student!, fusedTargets(sources(), T, true), T);
  const names = ['student', 'a/image', 'b/text', 'weights'];
  const gradients = t.grad(
    loss,
    names.map((name) => inputs[name]!),
  );
  const found = await run({ loss, ...Object.fromEntries(names.map((name, i) => [`d ${name}`, gradients[i]!])) });
  const divergence = (q: Table, z: Table) =>
    q.reduce((sum, row, i) => {
      const s = softmax(z[i]!.map((x) => x / T));
      return sum + row.reduce((kl, x, j) => kl + x * Math.log(x / s[j]!), 0) / q.length;
    }, 0);
  const student = rowsOf(feeds.student);
  const [texts, images] = [mix([a, b], rowsOf(feeds.weights)), mix([aImages, bImages], rowsOf(feeds.columns))];
  const wanted = (T * T * (divergence(texts, student) + divergence(images, transposed(student)))) / 2;
  expect(found.loss![0]).toBeCloseTo(wanted, 4);
  expect(found['d student']!.some((x) => Math.abs(x) > 1e-3)).toBe(true);
  for (const name of names.slice(1)) expect(found[`d ${name}`]!.every((x) => x === 0)).toBe(true);
});
