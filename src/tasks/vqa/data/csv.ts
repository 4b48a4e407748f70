import { dirname, resolve } from 'node:path';
import { fileReaders, type Skipped } from '../../../data/index.js';
import { UserError } from '../../../errors.js';
import { brief } from '../../../schema-issue.js';
import { fileImages, leadsOut } from './file-images.js';
import { answerTypeOf, type Question, questionFault, type VqaDataset, vqaFingerprint } from './question.js';

/**
 * A table with a header and the columns `image` (a path below the file's folder), `question` and `answer`, or `answers`: one, or ten
 * with | between them. `split` and `type` may be there; without `split` all questions are in `train` and `test`, every fifth image's
 * in `test`. Rows that cannot be used are counted, with their lines.
 *
 * @throws UserError where a column is missing, or no row is left
 */
export async function openVqaCsv(file: string): Promise<VqaDataset> {
  const { rowsOf } = await fileReaders();
  const root = dirname(resolve(file));
  const skipped: Skipped[] = [];
  const found: (Question & { readonly split?: string })[] = [];
  for await (const { line, row } of rowsOf('csv', file, skipped)) {
    const cell = (name: string) => String(row.get(name) ?? '').trim();
    const answerColumn = row.has('answers') ? 'answers' : 'answer';
    for (const column of ['image', 'question', answerColumn]) {
      if (row.has(column)) continue;
      throw new UserError(
        `${file}: expected the columns image, question and answer (or answers), got ${brief([...row.keys()].join(', '))}`,
      );
    }
    const [image, question] = [cell('image'), cell('question')];
    const answers = cell(answerColumn)
      .split('|')
      .map((answer) => answer.trim())
      .filter((answer) => answer !== '');
    const fault = faultOf(image, question, answers, root);
    if (fault !== undefined) {
      skipped.push({ id: `line ${line}`, reason: fault });
      continue;
    }
    const type = cell('type') || question.split(/\s+/).slice(0, 2).join(' ').toLowerCase();
    const split = cell('split');
    found.push({
      ...{ id: `line ${line}`, image, question, answers, type, answerType: answerTypeOf(answers[0]!) },
      ...(split !== '' && { split }),
    });
  }
  if (found.length === 0) {
    throw new UserError(
      `${file}: expected questions, none is left${skipped[0] ? `; ${skipped[0].id}: ${skipped[0].reason}` : ''}`,
    );
  }
  const named = found.some(({ split }) => split !== undefined);
  const places = new Map([...new Set(found.map(({ image }) => image))].map((image, i) => [image, i]));
  // A split may be called anything, `constructor` too.
  const lists = new Map<string, Question[]>();
  for (const { split, ...question } of found) {
    const own = named ? (split ?? 'train') : places.get(question.image)! % 5 === 4 ? 'test' : 'train';
    const list = lists.get(own);
    if (list) list.push(question);
    else lists.set(own, [question]);
  }
  const splits = Object.fromEntries(lists);
  const images = fileImages(`csv:${file}`, root, splits);
  return { name: `csv:${file}`, images, splits, skipped, fingerprint: vqaFingerprint(images.fingerprint, splits) };
}

function faultOf(image: string, question: string, answers: readonly string[], root: string): string | undefined {
  if (image === '') return 'a question without an image';
  if (leadsOut(root, image)) return `${image}: it leads out of ${root}`;
  const fault = questionFault(question);
  if (fault !== undefined) return fault;
  if (answers.length !== 1 && answers.length !== 10) return `expected one answer or ten, got ${answers.length}`;
  return undefined;
}
