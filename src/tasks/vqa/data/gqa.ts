import { createReadStream, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { JSONParser } from '@streamparser/json';
import { z } from 'zod';
import type { Skipped } from '../../../data/index.js';
import { UserError } from '../../../errors.js';
import { issueError } from '../../../schema-issue.js';
import { fileImages, leadsOut } from './file-images.js';
import { answerTypeOf, type Question, type VqaDataset, vqaFingerprint } from './question.js';

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
  const found: Question[] = [];
  const parser = new JSONParser({ paths: ['$.*'], keepStack: false });
  let fault: unknown;
  parser.onError = (error) => {
    fault ??= new UserError(`${file}: expected JSON: ${error.message}`);
  };
  parser.onValue = ({ value, key }) => {
    if (fault !== undefined) return;
    const parsed = shape.safeParse(value, { reportInput: true });
    if (!parsed.success) {
      fault = issueError(parsed.error.issues[0]!, file, String(key));
      return;
    }
    const { imageId, question, answer, types } = parsed.data;
    const [id, image] = [String(key), String(imageId)];
    if (leadsOut(root, image)) return void skipped.push({ id, reason: `${image}: it leads out of ${root}` });
    found.push({
      ...{ id, image, question, answers: answer === undefined ? [] : [answer] },
      ...{ type: types?.structural ?? 'unknown', answerType: answer === undefined ? 'other' : answerTypeOf(answer) },
    });
  };
  for await (const piece of createReadStream(file)) {
    parser.write(piece as Buffer);
    if (fault !== undefined) break;
  }
  if (fault === undefined && !parser.isEnded) parser.end();
  if (fault !== undefined) throw fault;
  if (found.length === 0) throw new UserError(`${file}: expected questions, found none`);
  return found;
}
