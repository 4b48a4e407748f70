import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fileReaders, type Skipped } from '../../../data/index.js';
import { UserError } from '../../../errors.js';
import { issueError } from '../../../schema-issue.js';
import { fileImages, leadsOut } from './file-images.js';
import { answerTypeOf, type Question, questionFault, type VqaDataset, vqaFingerprint } from './question.js';

const shape = z.object({
  imageId: z.union([z.string(), z.number()]),
  question: z.string(),
  answer: z.string().optional(),
  types: z.object({ structural: z.string() }).partial().optional(),
});

const questionsFile = /^(train|val|testdev|test|challenge|submission)_(balanced|all)_questions\.json$/;

/**
 * GQA (Hudson and Manning, arXiv 1902.09506): a folder with `<split>_balanced_questions.json`, or `_all_` where there is no
 * balanced one, there or in `questions/`, and `images/<id>.jpg`. A question's type is its structural one: verify, query, choose,
 * logical, compare. The figures are accuracies; consistency, validity and plausibility are not measured.
 *
 * @throws UserError where there are no questions
 */
export async function openGqa(folder: string): Promise<VqaDataset> {
  const place = existsSync(join(folder, 'questions')) ? join(folder, 'questions') : folder;
  const names = (await readdir(place).catch(() => [])).filter((name) => questionsFile.test(name)).sort();
  if (names.length === 0) {
    throw new UserError(`${folder}: expected GQA's <split>_balanced_questions.json, found none`);
  }
  const skipped: Skipped[] = [];
  const splits: Record<string, Question[]> = {};
  const root = join(folder, 'images');
  for (const name of names) {
    const [, split, kind] = questionsFile.exec(name) as unknown as [string, string, string];
    if (kind === 'all' && names.includes(name.replace('_all_', '_balanced_'))) continue;
    splits[split] = await readQuestions(join(place, name), root, skipped);
  }
  const images = fileImages(`gqa:${folder}`, root, splits, (id) => `${id}.jpg`);
  return { name: `gqa:${folder}`, images, splits, skipped, fingerprint: vqaFingerprint(images.fingerprint, splits) };
}

/** As the file streams in: the training questions are larger than any text may be. */
async function readQuestions(file: string, root: string, skipped: Skipped[]): Promise<Question[]> {
  const { streamJson } = await fileReaders();
  const found: Question[] = [];
  await streamJson(file, ['$.*'], ({ value, key }) => {
    const id = String(key);
    const parsed = shape.safeParse(value, { reportInput: true });
    if (!parsed.success) throw issueError(parsed.error.issues[0]!, file, id);
    const { imageId, question, answer, types } = parsed.data;
    const image = String(imageId);
    const fault = leadsOut(root, image) ? `${image}: it leads out of ${root}` : questionFault(question);
    if (fault !== undefined) return void skipped.push({ id, reason: fault });
    found.push({
      ...{ id, image, question, answers: answer === undefined ? [] : [answer] },
      ...{ type: types?.structural ?? 'unknown', answerType: answer === undefined ? 'other' : answerTypeOf(answer) },
    });
  });
  if (found.length === 0) throw new UserError(`${file}: expected questions, found none`);
  return found;
}
