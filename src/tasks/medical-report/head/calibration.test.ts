import { expect, it } from 'vitest';
import { Random } from '../../../math/index.js';
import { regionOf } from '../draft/region.js';
import { auroc } from '../metrics/auroc.js';
import { fitCalibration, probability, type Scored, sigmoid } from './calibration.js';

const random = new Random('calibration');
/** Studies whose chance of a finding is σ(2 z − 1); the pair's score is noise. */
const studies = Array.from({ length: 2000 }, (): Scored => {
  const head = 2 * random.normal();
  return { head, pair: 10 * random.normal(), isThere: random.float() < sigmoid(2 * head - 1) };
});

it('calibration finds the probabilities that made the studies, and a score that says nothing gets no weight', () => {
  const fitted = fitCalibration(studies, 0.05, 0);
  expect(fitted.head).toBeGreaterThan(1.7);
  expect(fitted.head).toBeLessThan(2.3);
  expect(Math.abs(fitted.pair)).toBeLessThan(0.03);
  expect(fitted.bias).toBeCloseTo(-1, 0);
  const said = studies.map((one) => ({ p: probability(fitted, one), isThere: one.isThere }));
  // Of those said to be absent at most 5 % are there.
  const denied = said.filter(({ p }) => p <= fitted.absent!);
  expect(denied.length).toBeGreaterThan(500);
  expect(denied.filter(({ isThere }) => isThere).length / denied.length).toBeLessThanOrEqual(0.05);
  // No other threshold has a better F1.
  const f1 = (at: number) => {
    const right = said.filter(({ p, isThere }) => p >= at && isThere).length;
    return (2 * right) / (said.filter(({ p }) => p >= at).length + said.filter(({ isThere }) => isThere).length);
  };
  // What is less likely than not is not said to be there, whatever its F1.
  expect(fitCalibration(studies, 0.05, 0.9).present).toBe(0.9);
  for (const at of [0.1, 0.3, 0.5, 0.7, 0.9]) expect(f1(at)).toBeLessThanOrEqual(f1(fitted.present!));
});

it('nothing is said of a finding that too few studies have, or lack', () => {
  const rare = studies.map((one, i) => ({ ...one, isThere: i < 4 }));
  expect(fitCalibration(rare, 0.05, 0)).toMatchObject({ present: null, absent: null });
  expect(
    fitCalibration(
      rare.map((one) => ({ ...one, isThere: !one.isThere })),
      0.05,
      0,
    ),
  ).toMatchObject({ present: null });
});

it('AUROC is the share of pairs in the right order, equal scores counting one half', () => {
  const of = (there: number[], rest: number[]) =>
    auroc([...there.map((score) => ({ score, isThere: true })), ...rest.map((score) => ({ score, isThere: false }))]);
  expect(of([3, 4], [1, 2])).toBe(1);
  expect(of([1, 2], [1, 2])).toBe(0.5);
  expect(of([2, 2], [1, 2, 3])).toBe(0.5);
  expect(of([1], [2, 3, 4, 0])).toBe(0.25);
  expect(of([], [1])).toBeUndefined();
});

it('a region is the box of the patches that are attended to most', () => {
  const attention = new Float32Array(16).fill(0.01);
  attention[5] = 0.4;
  attention[6] = 0.25;
  attention[10] = 0.1;
  expect(regionOf(attention)).toEqual([0.25, 0.25, 0.5, 0.25]);
});
