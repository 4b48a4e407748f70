import { embedImages, embedTexts } from '../../../evaluate/index.js';
import { dot, grouped } from '../../../math/index.js';
import type { Model } from '../../../model/index.js';
import type { CompileOptions } from '../../../runtime/index.js';
import type { Question, VqaDataset } from '../data/question.js';
import { softTargets } from '../metric/accuracy.js';
import { statementOf } from './statements.js';

/** Options of {@link answerZeroShot}. */
export interface ZeroShotOptions extends Pick<CompileOptions, 'device' | 'threads'> {
  /** Answers of a question type that are compared, the most frequent ones. @defaultValue 100 */
  readonly candidates?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (phase: string, done: number, total: number) => void;
}

/** The answers of each type of question in data that is looked at for nothing else, the most frequent first. */
export function answersByType(questions: readonly Question[], most: number): Map<string, string[]> {
  const types = grouped(questions, ({ type }) => type);
  return new Map(
    [...types].map(([type, some]) => {
      const counts = new Map<string, number>();
      for (const { answers } of some) {
        for (const [answer, worth] of softTargets(answers)) counts.set(answer, (counts.get(answer) ?? 0) + worth);
      }
      const sorted = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
      return [type, sorted.slice(0, most).map(([answer]) => answer)];
    }),
  );
}

/**
 * Answers without a head: each candidate makes a statement of its question, and the one nearest to the image is taken.
 *
 * @param known questions whose answers are the candidates of their type: those of the training split
 * @returns one answer a question; undefined where its image cannot be read, or its type has no candidates
 * @throws the signal's reason where it is aborted
 * @example
 * import { loadModel } from 'promptkd';
 *
 * const data = await openVqa('emoji-vqa');
 * const { train = [], test = [] } = data.splits;
 * const answers = await answerZeroShot(await loadModel('promptkd:emoji-student'), data, test.slice(0, 20), train);
 */
export async function answerZeroShot(
  model: Model,
  { images }: VqaDataset,
  questions: readonly Question[],
  known: readonly Question[],
  { candidates = 100, device, threads, signal, onProgress }: ZeroShotOptions = {},
): Promise<(string | undefined)[]> {
  const byType = answersByType(known, candidates);
  const wanted = new Set(questions.map(({ image }) => image));
  const examples = Object.values(images.splits)
    .flat()
    .filter(({ id }) => wanted.delete(id));
  const engine = { device, threads, signal };
  const seen = await embedImages(model, images, examples, {
    ...engine,
    onProgress: (done, total) => onProgress?.('images', done, total),
  });
  const rows = new Map(seen.examples.map(({ id }, row) => [id, row]));
  const statements = questions.map(({ question, type }) =>
    (byType.get(type) ?? []).map((answer) => statementOf(question, answer)),
  );
  const texts = [...new Set(statements.flat())];
  if (texts.length === 0) return questions.map(() => undefined);
  const read = await embedTexts(model, texts, {
    ...engine,
    onProgress: (done, total) => onProgress?.('statements', done, total),
  });
  const places = new Map(texts.map((text, row) => [text, row]));
  return questions.map(({ image, type }, i) => {
    const row = rows.get(image);
    const answers = byType.get(type) ?? [];
    if (row === undefined || answers.length === 0) return undefined;
    const cosines = statements[i]!.map((text) => dot(seen.rows, row, read, places.get(text)!));
    return answers[cosines.indexOf(Math.max(...cosines))];
  });
}
