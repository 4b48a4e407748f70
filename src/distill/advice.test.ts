import { describe, expect, it } from 'vitest';
import { adviceOf, type Outcome } from './advice.js';
import { guessing } from './guessing.js';

/** A run with these scores in its last phase. */
function outcome(scores: readonly number[], more: Partial<Outcome> & { readonly teacher?: number } = {}): Outcome {
  const { teacher = 0.8, ...rest } = more;
  const evaluations = scores.map((top1, i) => ({ split: 'val', images: 400, top1, teacher, step: 10 * (i + 1) }));
  const best = evaluations.reduce((a, b) => (b.top1 > a.top1 ? b : a));
  return {
    evaluations,
    best,
    trained: scores.at(-1)!,
    chance: 0.1,
    phase: 'joint',
    steps: 100,
    views: 2,
    early: false,
    ...rest,
  };
}

/** The same run, measured on three images. */
function onThree(run: Outcome): Outcome {
  const few = { images: 3 };
  return { ...run, evaluations: run.evaluations.map((one) => ({ ...one, ...few })), best: { ...run.best, ...few } };
}

describe('what to try next', () => {
  it.each([
    [
      'longer',
      outcome([0.5, 0.6, 0.65, 0.7]),
      ['longer: it was still learning at the end (--set phases.joint.steps=200'],
    ],
    [
      'longer, or another rate',
      outcome([0.1, 0.12, 0.12]),
      ['longer (--set phases.joint.steps=200), or at another rate (--set phases.joint.lr=…)'],
    ],
    [
      'another rate alone, where its patience ended it',
      outcome([0.1, 0.12, 0.12], { early: true }),
      ['at another rate (--set phases.joint.lr=…)'],
    ],
    [
      'longer, by the fields of plain distillation',
      outcome([0.1, 0.12, 0.12], { phase: 'kd' }),
      ['longer (--set kd.steps=200), or at another rate (--set kd.lr=…)'],
    ],
    ['its best step', outcome([0.6, 0.72, 0.74, 0.66]), ['its step 30 instead of the last']],
    ['more views', outcome([0.73, 0.73, 0.73], { trained: 0.95 }), ['more views (--set views=4)']],
    ['a larger student', outcome([0.6, 0.6, 0.6]), ['a larger student (--size base']],
    ['a smaller one', outcome([0.79, 0.79, 0.79]), ['a smaller student']],
    [
      'the texts that the teacher knows',
      outcome([0.74, 0.74, 0.74], { ownTemplates: ['a drawing of {}'] }),
      ['the teacher’s own class texts (--set \'texts.templates=["a drawing of {}"]\')'],
    ],
    ['another teacher', outcome([0.11, 0.11, 0.11], { teacher: 0.12 }), ['another teacher']],
    ['nothing', outcome([0.74, 0.74, 0.74]), []],
    [
      'nothing where three images cannot tell it from guessing',
      onThree(outcome([1 / 3], { teacher: 1 / 3, chance: 1 / 3 })),
      [],
    ],
  ] as [string, Outcome, string[]][])('is %s', (_, run, begins) => {
    const advice = adviceOf(run);
    expect(advice.map((sentence, i) => sentence.slice(0, begins[i]?.length))).toEqual(begins);
  });
});

describe('whether a model guesses', () => {
  it.each([
    ['as often as guessing on many images', 0.11, 0.1, 400, true],
    ['hardly more often', 0.12, 0.1, 400, true],
    ['on two images nobody can tell', 0.5, 0.5, 2, false],
    ['nor on two of a thousand classes', 0, 0.001, 2, false],
    ['of two classes, clearly more often', 0.8, 0.5, 400, false],
    ['of a thousand classes, never right', 0, 0.001, 400, true],
  ])('%s', (_, score, chance, images, expected) => {
    expect(guessing(score, chance, images) !== undefined).toBe(expected);
  });
});
