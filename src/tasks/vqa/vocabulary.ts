import { UserError } from '../../errors.js';
import type { Question } from './data/question.js';
import { softTargets } from './metric/accuracy.js';

/** A question to learn from: its answers' columns, and what each is worth. */
export interface Sample {
  readonly question: Question;
  readonly columns: readonly number[];
  readonly targets: readonly number[];
}

/** The answers that are learned, most frequent first, and the questions that have at least one of them. */
export interface Vocabulary {
  readonly answers: readonly string[];
  readonly samples: readonly Sample[];
  /** Questions none of whose answers is among them: they are not learned from. */
  readonly outside: number;
  /** For each answer its mean target over all samples. */
  readonly frequency: readonly number[];
}

/**
 * Answers of at least `leastCount` questions, at most `most`; as is usual for VQAv2, 9 and 3,129.
 *
 * @throws UserError where none is left
 */
export function vocabularyOf(
  questions: readonly Question[],
  { leastCount, most }: { readonly leastCount: number; readonly most: number },
): Vocabulary {
  const targets = questions.map(({ answers }) => softTargets(answers));
  const counts = new Map<string, number>();
  for (const found of targets) for (const answer of found.keys()) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  const answers = [...counts]
    .filter(([answer, count]) => answer !== '' && count >= leastCount)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([answer]) => answer);
  if (answers.length < 2) {
    throw new UserError(
      `answers.min_count: expected at least two answers of ${leastCount} questions or more, found ${answers.length} in ${questions.length} questions; lower it`,
    );
  }
  const places = new Map(answers.map((answer, i) => [answer, i]));
  const sums = new Array<number>(answers.length).fill(0);
  const samples = questions.flatMap((question, i): Sample[] => {
    const known = [...targets[i]!].flatMap(([answer, worth]) => {
      const column = places.get(answer);
      return column === undefined ? [] : [[column, worth] as const];
    });
    if (known.length === 0) return [];
    for (const [column, worth] of known) sums[column]! += worth;
    return [{ question, columns: known.map(([column]) => column), targets: known.map(([, worth]) => worth) }];
  });
  const frequency = sums.map((sum) => sum / samples.length);
  return { answers, samples, outside: questions.length - samples.length, frequency };
}
