import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fileReaders, type Skipped } from '../../../data/index.js';
import { UserError } from '../../../errors.js';
import { fileImages } from './file-images.js';
import { type Question, questionFault, type VqaDataset, vqaFingerprint } from './question.js';

const count = z.int().min(0);
const questionShape = z.object({ image_id: count, question: z.string(), question_id: count });
const annotationShape = z.object({
  question_id: count,
  question_type: z.string(),
  answer_type: z.string(),
  answers: z.array(z.object({ answer: z.string() })),
});

/** Human answers of a question; the metric leaves each of them out in turn. */
const humans = 10;

/** `v2_OpenEnded_mscoco_train2014_questions.json` → train2014 */
const questionsFile = /^(?:v2_)?OpenEnded_mscoco_(.+)_questions\.json$/;
const annotationsFile = /^(?:v2_)?mscoco_(.+)_annotations\.json$/;

/**
 * VQAv2 (or VQA): a folder with the question files, the annotation files where there are some, and the images in `<set>/` or
 * `images/<set>/`, as `COCO_train2014_000000000009.jpg`. A set's split is its name without the year.
 *
 * A question without an annotation, where its set has some, an annotation without its question, and one that has not ten
 * answers are left out and counted.
 *
 * @throws UserError where there are no questions, a set has annotations and no questions, or nothing of a set is left
 */
export async function openVqav2(folder: string): Promise<VqaDataset> {
  const files = await filesOf(folder);
  const named = (pattern: RegExp) =>
    new Map(files.flatMap((file) => (pattern.exec(file.name)?.[1] ? [[pattern.exec(file.name)![1]!, file.path]] : [])));
  const [asked, answered] = [named(questionsFile), named(annotationsFile)];
  if (asked.size === 0 && answered.size === 0) {
    throw new UserError(`${folder}: expected VQAv2's v2_OpenEnded_mscoco_<set>_questions.json, found none`);
  }
  const alone = [...answered].find(([set]) => !asked.has(set));
  if (alone) {
    throw new UserError(
      `${alone[1]}: expected its questions, v2_OpenEnded_mscoco_${alone[0]}_questions.json, beside it`,
    );
  }
  const skipped: Skipped[] = [];
  const lists = new Map<string, Question[]>();
  const sets = new Map<string, string>(); // of an image
  for (const [set, path] of asked) {
    const split = set.replace(/20\d\d$/, '').replace(/-$/, '');
    const questions = await readQuestions(path, skipped);
    for (const { image_id } of questions.values()) sets.set(String(image_id), set.replace(/-dev/, ''));
    const annotations = answered.get(set);
    const list = annotations
      ? await withAnswers(questions, annotations, skipped)
      : [...questions.values()].map((one) => unanswered(one));
    if (list.length === 0) {
      throw new UserError(
        `${annotations ?? path}: expected annotations of the questions in ${path}, none of ${questions.size} is left${skipped[0] ? `; the first: ${skipped[0].reason}` : ''}`,
      );
    }
    lists.set(split, list);
  }
  const splits = Object.fromEntries(lists);
  const root = existsSync(join(folder, 'images')) ? join(folder, 'images') : folder;
  const images = fileImages(`vqav2:${folder}`, root, splits, (id) => {
    const set = sets.get(id)!;
    return join(set, `COCO_${set}_${id.padStart(12, '0')}.jpg`);
  });
  const fingerprint = vqaFingerprint(images.fingerprint, splits);
  return { name: `vqav2:${folder}`, images, splits, skipped, fingerprint };
}

/** Of the folder, and of its folders for questions and annotations. */
async function filesOf(folder: string): Promise<{ name: string; path: string }[]> {
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
    throw new UserError(`${folder}: expected a folder with VQAv2's questions, found none`);
  }
  const folders = [folder, ...['questions', 'annotations'].map((name) => join(folder, name))].filter(existsSync);
  const lists = await Promise.all(
    folders.map(async (one) => (await readdir(one)).sort().map((name) => ({ name, path: join(one, name) }))),
  );
  return lists.flat();
}

type Asked = z.infer<typeof questionShape>;

async function readQuestions(file: string, skipped: Skipped[]): Promise<Map<number, Asked>> {
  const { element, readElements } = await fileReaders();
  const found = new Map<number, Asked>();
  const read = element(file, 'questions', questionShape, (one) => {
    const reason = questionFault(one.question);
    if (reason !== undefined) skipped.push({ id: String(one.question_id), reason });
    else found.set(one.question_id, one);
  });
  await readElements(file, { questions: read });
  if (found.size === 0) throw new UserError(`${file}: questions: expected some, found none`);
  return found;
}

const unanswered = ({ question_id, image_id, question }: Asked): Question => ({
  ...{ id: String(question_id), image: String(image_id), question, answers: [], type: 'unknown', answerType: 'other' },
});

async function withAnswers(questions: Map<number, Asked>, file: string, skipped: Skipped[]): Promise<Question[]> {
  const { element, readElements } = await fileReaders();
  const found = new Map<number, Question>();
  const skip = (id: number, reason: string) => skipped.push({ id: String(id), reason });
  await readElements(file, {
    annotations: element(file, 'annotations', annotationShape, (one) => {
      const asked = questions.get(one.question_id);
      if (!asked) return void skip(one.question_id, 'an annotation without its question');
      if (one.answers.length !== humans) {
        return void skip(one.question_id, `expected ${humans} human answers, got ${one.answers.length}`);
      }
      found.set(one.question_id, {
        ...unanswered(asked),
        answers: one.answers.map(({ answer }) => answer),
        ...{ type: one.question_type, answerType: one.answer_type },
      });
    }),
  });
  const known = new Set(skipped.map(({ id }) => id));
  for (const id of questions.keys()) {
    if (!found.has(id) && !known.has(String(id))) skip(id, 'a question without its annotation');
  }
  return [...found.values()];
}
