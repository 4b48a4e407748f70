import { type Checkpoint, preprocessAt, saveCheckpoint, tokenTable } from '../clip/index.js';
import { gatherHostRows } from '../math/index.js';
import { fillModelFolder, writeTrainingRecord } from '../model/index.js';
import type { Params } from '../nn/index.js';
import { promptFile, type SavedPrompts, savePrompts, taskPrompts } from '../prompt/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { TextBank } from './batches/text-bank.js';
import type { DualStream } from './dual-stream.js';
import type { DistillRecipe } from './recipe.js';
import type { Teacher } from './teacher/teacher.js';

/** What a student is made of, beside its parameters. */
export interface Making {
  readonly engine?: CompileOptions;
  readonly full: DualStream;
  readonly teacher: Teacher;
  readonly bank: TextBank;
}

/** A student with its prompts, if it has some. */
export type MadeStudent = Checkpoint & { readonly prompts?: SavedPrompts };

/** Images that so many steps see. */
export const imagesOf = ({ batch, accumulate }: DistillRecipe, steps: number) => steps * batch * accumulate;

/** Saves a student with its prompts as a checkpoint folder, and what its training took. */
export async function saveStudent(
  dir: string,
  made: MadeStudent,
  { step, seconds }: { readonly step: number; readonly seconds: number },
  recipe: DistillRecipe,
): Promise<void> {
  const { templates, weights } = recipe.texts;
  const took = { images_seen: imagesOf(recipe, step), train_seconds: Math.round(seconds) };
  const record = { ...took, templates, weights };
  const { prompts, ...student } = made;
  await fillModelFolder(dir, async (unfinished) => {
    const files = [await writeTrainingRecord(unfinished, record)];
    if (prompts) {
      await savePrompts(unfinished, prompts);
      files.push(promptFile);
    }
    return [...files, ...(await saveCheckpoint(unfinished, student))];
  });
}

/** Parameters that a task trains, in place of those of the stream. */
export function withTrained(full: DualStream, trained: Params): DualStream {
  const replaced = (params: Params, room: string): Params =>
    Object.fromEntries(Object.entries(params).map(([name, own]) => [name, trained[`${room}/${name}`] ?? own]));
  return {
    ...full,
    student: replaced(full.student, 'student'),
    prompt: full.prompt && { ...full.prompt, params: replaced(full.prompt.params, 'prompt') },
  };
}

export const preprocessOf = ({ teacher, full }: Making) =>
  preprocessAt(teacher.preprocess, full.config.vision_config.image_size);

/** The student of a stream. @param prompted with its prompts, so that it is as it will be saved */
export async function studentOf(making: Making, stream: DualStream, prompted = true): Promise<MadeStudent> {
  const { engine, bank } = making;
  const { config, student: params, prompt } = stream;
  const checkpoint = { config, params, preprocess: preprocessOf(making), tokenizer: bank.tokenizer };
  if (!prompt || !prompted) return checkpoint;
  const vision = await taskPrompts(prompt, params[tokenTable]!, classTexts(bank), engine);
  return { ...checkpoint, prompts: { config: prompt.config, encoder: prompt.params, vision } };
}

/** One text of each class of the bank. */
function classTexts(bank: TextBank) {
  const rows = bank.classes.map((texts) => texts[0]!);
  const ids = new Int32Array(rows.length * bank.length);
  const ends = new Int32Array(rows.length);
  gatherHostRows(bank.ids, bank.length, rows, ids);
  gatherHostRows(bank.ends, 1, rows, ends);
  return { ids: { shape: [rows.length, bank.length], data: ids }, ends: { shape: [rows.length], data: ends } };
}
