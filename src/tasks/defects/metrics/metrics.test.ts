import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../math/index.js';
import { aupro } from './aupro.js';
import { descending } from './descending.js';
import { rank } from './ranking.js';
import { regionsOf } from './regions.js';

/** Made in NumPy by scikit-learn's and anomalib's definitions, one threshold after the other; scores have many equals. */
const golden = JSON.parse(readFileSync(new URL('./golden.fixture.json', import.meta.url), 'utf8')) as {
  scores: number[];
  defective: number[];
  auroc: number;
  ap: number;
  f1: number;
  f1At: number;
  recall99: number;
  regions: number;
  aupro: number;
  maps: { scores: number[]; mask: number[] }[];
};

describe('metrics', () => {
  it('are those of scikit-learn and anomalib, equals among the scores', () => {
    const found = rank(Float32Array.from(golden.scores), Uint8Array.from(golden.defective))!;
    expect(found.auroc).toBeCloseTo(golden.auroc, 10);
    expect(found.averagePrecision).toBeCloseTo(golden.ap, 10);
    expect(found.oracleF1.f1).toBeCloseTo(golden.f1, 10);
    expect(found.oracleF1.threshold).toBeCloseTo(golden.f1At, 6);
    expect(found.recallAtPrecision['0.99']).toBeCloseTo(golden.recall99, 10);
  });

  it('give the values of scikit-learn’s own examples', () => {
    const found = rank(Float32Array.of(0.1, 0.4, 0.35, 0.8), Uint8Array.of(0, 0, 1, 1))!;
    expect(found.auroc).toBe(0.75);
    expect(found.averagePrecision).toBeCloseTo(0.8333, 4);
    expect(found.oracleF1).toEqual({ f1: expect.closeTo(0.8, 6), threshold: expect.closeTo(0.35, 6) });
    expect(found.recallAtPrecision).toEqual({ '0.99': 0.5, '0.999': 0.5 });
    expect(rank(Float32Array.of(1, 1, 1, 1), Uint8Array.of(0, 1, 0, 1))!.auroc).toBe(0.5);
  });

  it('have nothing to say of sets that are all sound, or all defective', () => {
    expect(rank(Float32Array.of(0.2, 0.3), Uint8Array.of(0, 0))).toBeUndefined();
    expect(rank(Float32Array.of(0.2, 0.3), Uint8Array.of(1, 1))).toBeUndefined();
    const sound = { width: 2, scores: new Float32Array(4), mask: new Uint8Array(4) };
    expect(aupro([sound])).toBeUndefined();
    expect(aupro([{ ...sound, mask: new Uint8Array(4).fill(1) }])).toBeUndefined();
  });

  it('take regions that touch by a corner for one', () => {
    const { sizes, labels } = regionsOf(Uint8Array.of(1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 1), 4);
    expect(sizes).toEqual([7, 1, 1, 2, 1]);
    expect([...labels]).toEqual([1, 0, 0, 2, 0, 0, 0, 0, 3, 3, 0, 4]);
    expect(regionsOf(Uint8Array.of(1, 0, 0, 1), 2).sizes).toEqual([2, 2]);
    const maps = golden.maps.map(({ mask }) => regionsOf(Uint8Array.from(mask), 10).sizes.length - 1);
    expect(maps.reduce((a, b) => a + b, 0)).toBe(golden.regions);
  });

  it('integrate the overlap per region to a false positive rate of 0.3', () => {
    const maps = golden.maps.map(({ scores, mask }) => ({
      width: 10,
      scores: Float32Array.from(scores),
      mask: Uint8Array.from(mask),
    }));
    expect(aupro(maps)).toBeCloseTo(golden.aupro, 6);
    const perfect = maps.map((map) => ({ ...map, scores: Float32Array.from(map.mask) }));
    expect(aupro(perfect)).toBeCloseTo(1, 6);
    // All scores alike: the overlap grows with the rate, to 0.3 of the way.
    const flat = maps.map((map) => ({ ...map, scores: new Float32Array(120) }));
    expect(aupro(flat)).toBeCloseTo(0.15, 6);
  });

  it('sort floats of both signs', () => {
    const random = new Random('descending');
    const scores = Float32Array.from({ length: 500 }, () => Math.round(random.normal() * 10) / 10);
    scores.set([0, -0, 1e-20, -1e-20, 3e8, -3e8]);
    const order = [...descending(scores)].map((i) => scores[i]! + 0);
    expect(order).toEqual([...scores].map((x) => x + 0).sort((a, b) => b - a));
  });
});
