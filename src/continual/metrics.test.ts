import { expect, it } from 'vitest';
import { continualMetrics } from './metrics.js';

it('gives 69.4, 65.3 and 65.3 of the zero-shot row that ZSCL published', () => {
  const row = [24.3, 88.4, 68.2, 44.6, 54.9, 71.0, 88.5, 59.4, 89.0, 64.7, 65.2].map((percent) => percent / 100);
  const { transfer, avg, last, forgetting, forwardTransfer } = continualMetrics(Array(11).fill(row), row);
  expect([transfer!, avg, last].map((value) => (100 * value).toFixed(1))).toEqual(['69.4', '65.3', '65.3']);
  expect(forgetting).toEqual({ fromBest: 0, fromFirst: 0 });
  expect(forwardTransfer).toBe(0);
});

it('tells both kinds of forgetting apart, and backward from forward transfer', () => {
  // Task 0 gets better while task 1 is learned, and is half forgotten by task 2.
  const rows = [
    [0.6, 0.3, 0.2],
    [0.8, 0.7, 0.4],
    [0.4, 0.6, 0.9],
  ];
  const found = continualMetrics(rows, [0.5, 0.2, 0.1]);
  expect(found.forgetting!.fromBest).toBeCloseTo((0.4 + 0.1) / 2, 12);
  expect(found.forgetting!.fromFirst).toBeCloseTo((0.2 + 0.1) / 2, 12);
  expect(found.backwardTransfer).toBeCloseTo(-0.15, 12);
  expect(found.forwardTransfer).toBeCloseTo((0.1 + 0.3) / 2, 12);
  expect(found.transfer).toBeCloseTo((0.3 + (0.2 + 0.4) / 2) / 2, 12);
  expect(found.last).toBeCloseTo(1.9 / 3, 12);
  expect(found.averageAccuracy).toBeCloseTo((0.6 + 0.75 + 1.9 / 3) / 3, 12);
});

it('of one task there is nothing to forget and nothing to transfer', () => {
  expect(continualMetrics([[0.5]], [0.1])).toEqual({ avg: 0.5, last: 0.5, averageAccuracy: 0.5 });
});

it.each([[[]], [[[0.1, 0.2]]], [[[Number.NaN]]]])('refuses %j', (rows: number[][]) => {
  expect(() => continualMetrics(rows)).toThrow(/accuracies: expected a square of numbers/);
});
