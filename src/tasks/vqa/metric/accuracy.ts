import { grouped } from '../../../math/index.js';
import { normaliseAnswer, plainAnswer } from './normalise.js';

/** A question that was answered. */
export interface AnsweredQuestion {
  /** Of the human answers: ten, or one, which stands for ten that are the same. */
  readonly answers: readonly string[];
  readonly type: string;
  readonly answerType: string;
  readonly given: string;
}

/** Percentages with two decimals, as the official evaluation prints them. */
export interface VqaAccuracy {
  readonly questions: number;
  readonly overall: number;
  readonly byQuestionType: Readonly<Record<string, number>>;
  readonly byAnswerType: Readonly<Record<string, number>>;
}

/**
 * The official accuracy of one answer (Antol et al., arXiv 1505.00468; `vqaEval.py`), bug for bug: of ten human answers each is
 * left out in turn, min(1, matches among the other nine / 3), and the mean of the ten. Answers are normalised only where
 * the humans disagree. A single human answer counts as ten of the same: 1 where both are the same text.
 *
 * @returns from 0 to 1
 * @example
 * const humans = ['yes', 'yes', 'no', 'no', 'no', 'no', 'no', 'no', 'no', 'no'];
 * console.log(answerAccuracy(humans, 'yes')); // 0.6
 */
export function answerAccuracy(humans: readonly string[], given: string): number {
  const ten = (humans.length === 1 ? Array<string>(10).fill(humans[0]!) : humans).map(plainAnswer);
  const agree = new Set(ten).size === 1;
  const own = agree ? plainAnswer(given) : normaliseAnswer(given);
  const matches = ten.map((human) => (agree ? human : normaliseAnswer(human)) === own);
  const found = matches.filter(Boolean).length;
  return matches.reduce((sum, matched) => sum + Math.min(1, (found - Number(matched)) / 3), 0) / ten.length;
}

/**
 * {@link answerAccuracy} over questions, by question type and by answer type, in percent.
 *
 * @example
 * const asked = { answers: ['2'], type: 'how many', answerType: 'number', given: '2' };
 * console.log(vqaAccuracy([asked]).overall); // 100
 */
export function vqaAccuracy(questions: readonly AnsweredQuestion[]): VqaAccuracy {
  const scores = questions.map(({ answers, given }) => answerAccuracy(answers, given));
  const by = (kind: (question: AnsweredQuestion) => string) => {
    const groups = grouped([...questions.keys()], (i) => kind(questions[i]!));
    const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(sorted.map(([name, rows]) => [name, percent(rows.map((i) => scores[i]!))]));
  };
  return {
    questions: questions.length,
    overall: percent(scores),
    byQuestionType: by(({ type }) => type),
    byAnswerType: by(({ answerType }) => answerType),
  };
}

function percent(scores: readonly number[]): number {
  return Math.round((10_000 * scores.reduce((a, b) => a + b, 0)) / Math.max(1, scores.length)) / 100;
}

/**
 * The answers that people gave, and the accuracy that each would have: soft targets. As the metric has them, they are normalised
 * only where people disagree. One human answer: 1.
 */
export function softTargets(humans: readonly string[]): Map<string, number> {
  const plain = humans.map(plainAnswer);
  if (new Set(plain).size === 1) return new Map([[plain[0]!, 1]]);
  return new Map(plain.map((answer) => [normaliseAnswer(answer), answerAccuracy(humans, answer)]));
}
