import { expect, it } from 'vitest';
import { classFigures, confusions } from './confusions.js';

const predictions = [
  [0, 0],
  [0, 1],
  [0, 1],
  [1, 1],
  [2, 0],
  [2, 2],
].map(([label, answer], i) => ({ id: `${i}`, label: label!, top: [{ label: answer!, probability: 1 }] }));

it('counts by class what is recognised, and what is taken for what', () => {
  expect(
    classFigures(predictions).map(({ label, images, top1, precision }) => [label, images, top1.value, precision]),
  ).toEqual([
    [0, 3, 1 / 3, 1 / 2],
    [2, 2, 1 / 2, 1],
    [1, 1, 1, 1 / 3],
  ]);
  expect(confusions(predictions)).toEqual([
    { label: 0, takenFor: 1, images: 2 },
    { label: 2, takenFor: 0, images: 1 },
  ]);
  expect(confusions(predictions.slice(0, 1))).toEqual([]);
});
