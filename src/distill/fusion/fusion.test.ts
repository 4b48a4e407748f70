import { describe, expect, it } from 'vitest';
import type { Rows } from '../../math/index.js';
import { type AdaptiveBounds, bounded, wantedLambda } from './adaptive.js';
import { type Classifier, sliced, slicedAnswers } from './answers.js';
import { type FusionOptions, fitByEntropy, fitByLabels, fuse, fusedAnswer, meanEntropy } from './fusion.js';
import { measureFusion } from './measure.js';
import { agreementWeights, confidenceWeights, entropyWeights, equalWeights, withFloor } from './simple-rules.js';
import { classGroups, validatedWeights } from './validated.js';

const p = (...values: number[]) => Float64Array.from(values);
const near = (found: Float64Array, ...wanted: number[]) => {
  expect(found.length).toBe(wanted.length);
  for (const [i, x] of wanted.entries()) expect(found[i]).toBeCloseTo(x, 10);
};
const sure = p(0.9, 0.05, 0.05);
const torn = p(0.4, 0.35, 0.25);

describe('rules that need no held-out images', () => {
  it('equal and confidence', () => {
    near(equalWeights([sure, torn]), 0.5, 0.5);
    near(confidenceWeights([sure, torn]), 0.9 / 1.3, 0.4 / 1.3);
  });

  it('entropy: (1 − H_k / Σ H) / (K − 1)', () => {
    const h = (q: Float64Array) => -q.reduce((sum, x) => sum + x * Math.log(x), 0);
    const total = h(sure) + 2 * h(torn);
    near(entropyWeights([sure, torn, torn]), ...[sure, torn, torn].map((q) => (1 - h(q) / total) / 2));
    near(entropyWeights([p(1, 0), p(0, 1)]), 0.5, 0.5);
  });

  it('agreement: a teacher that stands alone counts half of two that agree', () => {
    near(agreementWeights([p(1, 0, 0), p(0, 1, 0), p(0, 1, 0)]), 0.2, 0.4, 0.4);
  });

  it('a floor keeps weights that sum to 1', () => {
    near(withFloor(p(1, 0), 0.1), 0.9, 0.1);
  });
});

describe('class slice', () => {
  it('keeps known classes, and deals what is left as the other has it', () => {
    near(
      sliced(p(0.5, 0.4, 0.1), p(0.2, 0.2, 0.6), Uint8Array.from([1, 0, 0])),
      0.5,
      (0.5 * 0.2) / 0.8,
      (0.5 * 0.6) / 0.8,
    );
    near(sliced(p(0.5, 0.5), p(1, 0), Uint8Array.from([1, 0])), 0.5, 0.5);
    const [first, second] = slicedAnswers([p(0.5, 0.5), p(0.1, 0.9)], [Uint8Array.from([1, 0]), undefined]);
    near(first!, 0.5, 0.5);
    near(second!, 0.1, 0.9);
  });
});

/** Two classes at right angles; an image is the angle between them. */
const axes: Rows = { data: Float32Array.from([1, 0, 0, 1]), count: 2, width: 2 };
const at = (...angles: number[]): Rows => ({
  data: Float32Array.from(angles.flatMap((a) => [Math.cos(a), Math.sin(a)])),
  count: angles.length,
  width: 2,
});
const teacher = (more: Partial<Classifier> = {}): Classifier => ({ classes: axes, scale: 10, temperature: 1, ...more });
const bounds: AdaptiveBounds = {
  base: [0.8, 0.15, 0.05],
  most: { prior: 0.5, label: 0.3, both: 0.6 },
  growth: { prior: 1, label: 1 },
};
const options = (rule: FusionOptions['rule']): FusionOptions => ({
  rule,
  weights: [0.25, 0.75],
  floor: 0,
  groups: 2,
  adaptive: bounds,
  seed: 1,
});

describe('temperatures', () => {
  it('make a teacher whose answers are right in three of four cases claim that', () => {
    const images = at(0, 0, 0, 0);
    const temperature = fitByLabels(teacher(), images, [0, 0, 0, 1]);
    expect(1 / (1 + Math.exp(-10 / temperature))).toBeCloseTo(0.75, 4);
  });

  it('or, without labels, as sure as another', () => {
    const images = at(0.2, 0.5, 0.9);
    const wanted = meanEntropy(teacher(), images, 1);
    expect(fitByEntropy(teacher({ scale: 40 }), images, wanted)).toBeCloseTo(4, 3);
  });
});

// The first teacher is right below π/4 and guesses above; the second the other way round. Their answers say which is which.
const [low, high] = [at(0.1, 0.2, 0.3, 0.8, 0.8, 0.75), at(0.77, 0.78, 0.8, 1.4, 1.3, 1.5)];
const held = { rows: [low, high], labels: [0, 0, 0, 1, 1, 1] };
const ask = (fusion: Awaited<ReturnType<typeof fuse>>, i: number) => fusion.answers(held.rows, [i, i]);

describe('fitted rules', () => {
  it('validated: by the share that each gets right in a group, drawn to its share over all', () => {
    const answers = (a: number, b: number) => [p(1 - a, a), p(1 - b, b)];
    const heldOut = [
      { answers: answers(0.1, 0.4), label: 0 },
      { answers: answers(0.1, 0.8), label: 0 },
      { answers: answers(0.9, 0.8), label: 1 },
    ];
    const weigh = validatedWeights(heldOut, [0, 1]);
    // The mix takes both first images for class 0: teacher 1 has 2 of 2, teacher 2 has 1 of 2; overall 3/3 and 2/3.
    const [a, b] = [(2 + 4) / 6, (1 + (4 * 2) / 3) / 6];
    near(weigh(answers(0, 0)), a / (a + b), b / (a + b));
  });

  it('groups classes that are alike', () => {
    const rows = at(0, 0.05, 1.5, 1.55);
    const groups = classGroups(rows, 2, 3);
    expect(groups[0]).toBe(groups[1]);
    expect(groups[2]).toBe(groups[3]);
    expect(groups[0]).not.toBe(groups[2]);
  });

  it('learned: the gate gives each image to the teacher that is right', async () => {
    const fusion = await fuse([teacher(), teacher()], held, options('learned'));
    for (const i of [0, 1, 2]) expect(fusion.weigh(ask(fusion, i))(1, false)[0]).toBeGreaterThan(0.7);
    for (const i of [3, 4, 5]) expect(fusion.weigh(ask(fusion, i))(1, false)[1]).toBeGreaterThan(0.7);
  });

  it('adaptive: within its bounds, more prior where the teacher is wrong, and a label only where it may be read', async () => {
    const fusion = await fuse([teacher(), teacher()], held, options('adaptive'));
    const right = fusion.weigh(ask(fusion, 0));
    const wrong = fusion.weigh(ask(fusion, 5));
    for (const lambda of [right(0, true), right(1, true), wrong(0, true), wrong(1, true)]) {
      expect(lambda.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 10);
      expect(lambda[1]).toBeLessThanOrEqual(0.5 + 1e-9);
      expect(lambda[2]).toBeLessThanOrEqual(0.3 + 1e-9);
      expect(lambda[1]! + lambda[2]!).toBeLessThanOrEqual(0.6 + 1e-9);
    }
    expect(wrong(1, true)[1]).toBeGreaterThan(right(1, true)[1]!);
    expect(wrong(1, true)[1]).toBeGreaterThanOrEqual(wrong(0, true)[1]!);
    expect(right(1, false)[2]).toBe(0);
    near(bounded(p(0, 0.6, 0.4), bounds.most), 0.4, (0.5 * 0.6) / 0.8, (0.3 * 0.6) / 0.8);
    near(wantedLambda({ answers: [p(1, 0), p(0, 1)], label: 0 }, bounds), 0.9, 0.075, 0.025);
    near(wantedLambda({ answers: [p(1, 0), p(0, 1)], label: 1 }, bounds), 0.45, 0.5, 0.05);
  });

  it('adaptive: a class that the teacher does not know is the prior’s', async () => {
    const fusion = await fuse([teacher({ known: Uint8Array.from([1, 0]) }), teacher()], held, options('adaptive'));
    const answers = ask(fusion, 0);
    // Of one unknown class all stays on it: the slice rule moves mass within the unknown ones alone.
    const fused = fusedAnswer(fusion, answers);
    expect(fused[0]! + fused[1]!).toBeCloseTo(1, 10);
    expect(fused[0]).toBeCloseTo(answers[0]![0]!, 10);
  });
});

it('fixed weights are as given', async () => {
  const fusion = await fuse([teacher(), teacher()], { rows: [], labels: [] }, options('fixed'));
  near(fusion.weigh([sure, torn])(0, false), 0.25, 0.75);
});

it('measures teachers alone, the mix, the rule and whoever is right', async () => {
  const fusion = await fuse([teacher(), teacher()], held, options('confidence'));
  const names = ['low', 'high'];
  const figures = measureFusion(fusion, { split: 'val', ...held }, names, ['left', 'right']);
  expect(figures.teachers.map(({ top1 }) => Math.round(top1.value * 6))).toEqual([5, 5]);
  expect([figures.oracle, figures.chosen].map(({ value }) => Math.round(value * 6))).toEqual([6, 6]);
  expect(figures.classes.map(({ name, images }) => [name, images])).toEqual([
    ['left', 3],
    ['right', 3],
  ]);
  expect(figures.teachers[0]!.weight + figures.teachers[1]!.weight).toBeCloseTo(1, 10);
  expect(figures.classes[0]!.weights[0]).toBeGreaterThan(figures.classes[1]!.weights[0]!);
});
