import { expect, it } from 'vitest';
import { Random } from '../math/index.js';
import { compile } from '../runtime/program.js';
import * as t from './index.js';

it('resamples images by one axis after the other as a grid of cells by both at once', async () => {
  const [batch, channels, h, w] = [2, 3, 8, 6];
  const random = new Random('interpolate');
  const data = Float32Array.from({ length: batch * channels * h * w }, () => random.uniform(-1, 1));
  const images = t.input('images', [batch, channels, h, w]);
  const cells = t.transpose(t.reshape(images, [batch, channels, h * w]));
  const outputs: Record<string, t.Tensor> = {};
  for (const [H, W] of [
    [5, 4],
    [12, 9],
    [8, 3],
    [4, 6],
  ] as const) {
    outputs[`images ${H}`] = t.interpolateImages(images, [H, W]);
    const grid = t.transpose(t.interpolateGrid(cells, [h, w], [H, W]));
    outputs[`grid ${H}`] = t.reshape(grid, [batch, channels, H, W]);
  }
  const program = await compile({ outputs }, { threads: 1 });
  const made = await program.run({ images: { shape: [batch, channels, h, w], data } });
  for (const size of [5, 12, 8, 4]) {
    const [own, both] = [made[`images ${size}`]!, made[`grid ${size}`]!];
    expect(own.shape).toEqual(both.shape);
    for (const [i, value] of own.data.entries()) expect(Math.abs(value - both.data[i]!)).toBeLessThan(1e-6);
  }
  await program.dispose();
});
