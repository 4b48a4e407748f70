import { textTable } from '../../report/index.js';
import type { VqaAccuracy, VqaEvaluation } from '../../tasks/index.js';

/** An evaluation as a table: the ways to answer as columns, overall and each type as rows. */
export function evaluationTable(found: VqaEvaluation, skipped: number): string {
  const columns: (readonly [string, VqaAccuracy | undefined])[] = [
    ['head', found.head],
    ['zero-shot', found.zeroShot],
    ['blind', found.blind],
    ['prior', found.prior],
  ];
  const shown = columns.flatMap(([name, figures]) => (figures ? [[name, figures] as const] : []));
  const row = (name: string, of: (figures: VqaAccuracy) => number | undefined) => [
    name,
    ...shown.map(([, figures]) => of(figures)?.toFixed(1) ?? '–'),
  ];
  const { prior } = found;
  const notes = [
    `${found.questions} questions of ${found.data}/${found.split}; official VQA accuracy in %`,
    ...(found.outside ? [`${found.outside} of them have an answer that the head does not know`] : []),
    ...(found.cut ? [`${found.cut} different questions are longer than the model reads: their end is not seen`] : []),
    ...(found.unreadable ? [`${found.unreadable} are left out: their images cannot be read`] : []),
    ...(skipped
      ? [`${skipped} are left out as the data has them: without a question, an annotation or ten answers`]
      : []),
  ];
  return [
    textTable([
      ['', ...shown.map(([name]) => name)],
      row('all', ({ overall }) => overall),
      ...Object.keys(prior.byAnswerType).map((type) => row(type, ({ byAnswerType }) => byAnswerType[type])),
      ...Object.keys(prior.byQuestionType).map((type) =>
        row(`  ${type}`, ({ byQuestionType }) => byQuestionType[type]),
      ),
    ]),
    ...notes,
  ].join('\n');
}
