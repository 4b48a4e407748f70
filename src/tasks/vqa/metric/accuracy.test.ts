import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { answerAccuracy, softTargets, vqaAccuracy } from './accuracy.js';
import { normaliseAnswer } from './normalise.js';

/** Answers and what the official rules make of them, written by hand. */
const golden = JSON.parse(readFileSync(new URL('golden-answers.json', import.meta.url), 'utf8')) as [string, string][];

const humans = (counts: Record<string, number>) =>
  Object.entries(counts).flatMap(([answer, count]) => Array<string>(count).fill(answer));

describe('the official VQA accuracy', () => {
  it(`normalises ${golden.length} answers as the official code does`, () => {
    expect(golden.length).toBeGreaterThanOrEqual(60);
    expect(golden.map(([given]) => [given, normaliseAnswer(given)])).toEqual(golden);
  });

  it.each([
    // Each of ten is left out: three others that agree are enough, two are worth two thirds.
    ['yes', { yes: 10 }, 1],
    ['yes', { yes: 4, no: 6 }, 1],
    ['yes', { yes: 3, no: 7 }, 0.9],
    ['yes', { yes: 2, no: 8 }, 0.6],
    ['yes', { yes: 1, no: 9 }, 0.3],
    ['maybe', { yes: 5, no: 5 }, 0],
    // Normalised where people disagree …
    ['The two dogs.', { '2 dogs': 9, dogs: 1 }, 1],
    ['2', { two: 9, '3': 1 }, 1],
    // … and not where they are all the same.
    ['The dog', { dog: 10 }, 0],
    ['2', { two: 10 }, 0],
    [' dog\n', { dog: 10 }, 1],
  ])('gives %s, where people say %j, %f', (given, counts, accuracy) => {
    expect(answerAccuracy(humans(counts), given)).toBeCloseTo(accuracy, 12);
  });

  it('takes one human answer for ten that are the same', () => {
    expect([answerAccuracy(['red'], 'red'), answerAccuracy(['red'], 'Red')]).toEqual([1, 0]);
  });

  it('sorts by question type and answer type, in percent with two decimals', () => {
    const found = vqaAccuracy([
      { answers: humans({ yes: 10 }), type: 'is there', answerType: 'yes/no', given: 'yes' },
      { answers: humans({ yes: 2, no: 8 }), type: 'is there', answerType: 'yes/no', given: 'yes' },
      { answers: ['2'], type: 'how many', answerType: 'number', given: '3' },
    ]);
    expect(found).toEqual({
      questions: 3,
      overall: 53.33,
      byQuestionType: { 'how many': 0, 'is there': 80 },
      byAnswerType: { number: 0, 'yes/no': 80 },
    });
  });

  it('makes soft targets of what each answer would be worth', () => {
    const found = softTargets(humans({ Two: 3, '2': 1, three: 2, many: 4 }));
    expect([...found].map(([answer, worth]) => [answer, Math.round(worth * 100)])).toEqual([
      ['2', 100],
      ['3', 60],
      ['many', 100],
    ]);
  });
});
