import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fileReaders, type Skipped } from '../../../data/index.js';
import { UserError } from '../../../errors.js';
import { fileImages, leadsOut } from './file-images.js';
import { answerTypeOf, type Question, questionFault, type VqaDataset, vqaFingerprint } from './question.js';

const step = z.object({ function: z.string().optional(), type: z.string().optional() });
const shape = z.object({
  question: z.string(),
  answer: z.union([z.string(), z.number(), z.boolean()]).optional(),
  image_filename: z.string(),
  question_index: z.int().min(0).optional(),
  program: z.array(step).optional(),
});

const questionsFile = /^CLEVR_(.+)_questions\.json$/;

/**
 * CLEVR (Johnson et al., arXiv 1612.06890): a folder with `questions/CLEVR_<split>_questions.json` and `images/<split>/`. A question's
 * type is what its program ends with: count, exist, compare or query.
 *
 * @throws UserError where there are no questions
 */
export async function openClevr(folder: string): Promise<VqaDataset> {
  const place = existsSync(join(folder, 'questions')) ? join(folder, 'questions') : folder;
  const names = (await readdir(place).catch(() => [])).filter((name) => questionsFile.test(name)).sort();
  if (names.length === 0) {
    throw new UserError(`${folder}: expected CLEVR's questions/CLEVR_<split>_questions.json, found none`);
  }
  const { element, readElements } = await fileReaders();
  const skipped: Skipped[] = [];
  const lists = new Map<string, Question[]>();
  const root = join(folder, 'images');
  for (const name of names) {
    const file = join(place, name);
    const split = questionsFile.exec(name)![1]!;
    const found: Question[] = [];
    const read = element(file, 'questions', shape, (one) => {
      const { question, image_filename, program = [] } = one;
      const id = `${split}/${one.question_index ?? found.length}`;
      const image = `${split}/${image_filename}`;
      const fault = leadsOut(root, image) ? `${image_filename}: it leads out of ${root}` : questionFault(question);
      if (fault !== undefined) return void skipped.push({ id, reason: fault });
      const answer = one.answer === undefined ? undefined : answerText(one.answer);
      found.push({
        ...{ id, image, question, answers: answer === undefined ? [] : [answer] },
        ...{ type: typeOf(program.at(-1)), answerType: answer === undefined ? 'other' : answerTypeOf(answer) },
      });
    });
    await readElements(file, { questions: read });
    if (found.length === 0) throw new UserError(`${file}: questions: expected some, found none`);
    lists.set(split, found);
  }
  const splits = Object.fromEntries(lists);
  const images = fileImages(`clevr:${folder}`, root, splits);
  return { name: `clevr:${folder}`, images, splits, skipped, fingerprint: vqaFingerprint(images.fingerprint, splits) };
}

const answerText = (answer: string | number | boolean): string =>
  typeof answer === 'boolean' ? (answer ? 'yes' : 'no') : String(answer);

/** `query_color` → query, `greater_than` → compare */
function typeOf(last: z.infer<typeof step> | undefined): string {
  const name = last?.function ?? last?.type ?? 'unknown';
  if (name.startsWith('query')) return 'query';
  return /^(?:equal|greater|less)/.test(name) ? 'compare' : name;
}
