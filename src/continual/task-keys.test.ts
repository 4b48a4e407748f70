import { expect, it } from 'vitest';
import { taskKeys } from './task-keys.js';

const rows = (...angles: number[]) => ({
  data: Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)])),
  count: angles.length,
  width: 2,
});

it('fits thresholds on held-out images, which lie further from the centroids than those they are of', () => {
  const options = { centroids: 1, reject: 0 };
  const [images, texts] = [rows(0, 0.1, 0.2), rows(0.1)];
  const seen = taskKeys(images, texts, options, 1);
  const held = taskKeys(images, texts, options, 1, rows(0.5, 0.15));
  expect(held.centroids).toEqual(seen.centroids);
  expect(seen.threshold.image).toBeCloseTo(Math.cos(0.1), 5);
  expect(held.threshold.image).toBeCloseTo(Math.cos(0.4), 5);
  expect(held.threshold.text).toBeCloseTo(Math.cos(0.4), 5);
});
