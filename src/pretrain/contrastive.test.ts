import { expect, it } from 'vitest';
import { Random } from '../math/random.js';
import { compile } from '../runtime/program.js';
import { input } from '../tensor/index.js';
import { contrastiveLoss } from './contrastive.js';

const [B, N, D] = [3, 4, 5];
// Image 0 has two texts, text 1 has two images, text 3 has none.
const matches = [1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];

function unitRows(rows: number, random: Random): { raw: Float32Array; unit: number[][] } {
  const raw = Float32Array.from({ length: rows * D }, () => random.normal());
  const unit = Array.from({ length: rows }, (_, r) => {
    const row = [...raw.subarray(r * D, (r + 1) * D)];
    const norm = Math.hypot(...row);
    return row.map((x) => x / norm);
  });
  return { raw, unit };
}

function crossEntropy(logits: number[][], targets: number[][], smoothing: number): number {
  let loss = 0;
  logits.forEach((row, i) => {
    const total = Math.log(row.reduce((s, z) => s + Math.exp(z), 0));
    const count = Math.max(
      1,
      targets[i]!.reduce((s, t) => s + t, 0),
    );
    row.forEach((z, j) => {
      loss -= ((1 - smoothing) * (targets[i]![j]! / count) + smoothing / row.length) * (z - total);
    });
  });
  return loss / logits.length;
}

it.each([0, 0.1])('equals the formula computed plainly, smoothing %f', async (smoothing) => {
  const random = new Random(1, 'contrastive');
  const images = unitRows(B, random);
  const texts = unitRows(N, random);
  const scale = Math.log(10);
  const loss = contrastiveLoss(
    input('images', [B, D]),
    input('texts', [N, D]),
    input('scale', []),
    input('matches', [B, N]),
    smoothing,
  );
  const program = await compile({ outputs: { loss } }, { threads: 1 });
  const { loss: got } = await program.run({
    images: { shape: [B, D], data: images.raw },
    texts: { shape: [N, D], data: texts.raw },
    scale: { shape: [], data: Float32Array.of(scale) },
    matches: { shape: [B, N], data: Float32Array.from(matches) },
  });
  const logits = images.unit.map((a) => texts.unit.map((b) => 10 * a.reduce((s, x, k) => s + x * b[k]!, 0)));
  const match = logits.map((row, i) => row.map((_, j) => matches[i * N + j]!));
  const transposed = (m: number[][]) => m[0]!.map((_, j) => m.map((row) => row[j]!));
  const expected =
    (crossEntropy(logits, match, smoothing) + crossEntropy(transposed(logits), transposed(match), smoothing)) / 2;
  expect(got!.data[0]).toBeCloseTo(expected, 4);
  await program.dispose();
});

it('refuses matches of another shape when traced', () => {
  expect(() => contrastiveLoss(input('a', [B, D]), input('b', [N, D]), input('s', []), input('m', [N, B]))).toThrow(
    'expected matches [B, N] = [3, 4], got [4, 3]',
  );
});
