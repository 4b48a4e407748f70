import { z } from 'zod';
import { type ImageTextDataset, openDataset } from '../data/index.js';
import {
  type DistillOptions,
  type DistillResult,
  deriveRecipe,
  distill as distillByRecipe,
  distillRecipe,
  loadTeacher,
  presets,
  type StudentWish,
  studentSizes,
  type TeacherModel,
  teacherOf,
  timeWork,
} from '../distill/index.js';
import { givenFields, loadRecipe } from '../files/recipe-file.js';
import { loadModelCheckpoint, trainingOf } from '../model/index.js';
import { checkFields } from '../schema-issue.js';
import * as fields from './call-fields.js';

/** {@link distillRecipe} with fields left out. */
export type DistillFields = z.input<typeof distillRecipe>;

/** Options of {@link distill}. */
export interface EverydayDistillOptions
  extends Omit<DistillOptions, 'recipe' | 'teacher' | 'others' | 'dataset'>,
    StudentWish {
  /** Folder, shipped model or hub id; or a model that was loaded. */
  readonly teacher: string | TeacherModel;
  /** Further teachers, in the order of the recipe's `teachers`. */
  readonly others?: readonly (string | TeacherModel)[];
  /** As `--data` takes it, `folder:photos`; or a data set that was opened. */
  readonly dataset: string | ImageTextDataset;
  /** What is left out follows from teacher, data and the wish (`preset`, `size`, `maxParameters`, …). */
  readonly recipe?: DistillFields;
}

const limit = z.number().positive().optional();
const given = z.unknown().optional();
const callFields = z.object({
  teacher: fields.model,
  others: z.array(fields.model).optional(),
  dataset: fields.nameOr('a data set that was opened'),
  runDir: z.string().min(1),
  recipe: fields.someFields.optional(),
  preset: z.enum(namesOf(presets)).optional(),
  size: z.enum(namesOf(studentSizes)).optional(),
  ...{ maxParameters: limit, maxBytes: limit, maxStore: limit },
  ...{ teacherTemplates: fields.texts.optional(), targetsDir: z.string().min(1).optional(), rebuildTargets: given },
  ...{ loader: given, engine: given, signal: given, onProgress: given, onMessage: given, onDownload: given },
  ...{ sources: given, rounds: given, invocation: given, remarks: given },
} satisfies Record<keyof EverydayDistillOptions, z.ZodType>);

function namesOf<Name extends string>(named: Readonly<Record<Name, unknown>>): Name[] {
  return Object.keys(named) as Name[];
}

/**
 * Distils a teacher into a student. Teacher and data may be names, and the recipe may be left out in whole or in part: then
 * student, rates, steps and stored targets follow from teacher and data, as `promptkd distill` chooses them. See the
 * method's own {@link distillByRecipe} for what it promises.
 *
 * @throws UserError for an unknown option or recipe field, or a recipe that does not fit teacher or data
 * @example
 * const { folder } = await distill({ teacher: 'promptkd:emoji-teacher', dataset: 'folder:photos', runDir: 'runs/mine', preset: 'quick' });
 */
export async function distill(options: EverydayDistillOptions): Promise<DistillResult> {
  checkFields('distill', callFields, options);
  const { teacher: asked, others: further = [], dataset: data, recipe: stating = {}, ...run } = options;
  const { preset, size, maxParameters, maxBytes, maxStore, ...rest } = run;
  const wish: StudentWish = { preset, size, maxParameters, maxBytes, maxStore };
  const named = typeof data === 'string' ? { ...stating, data: { ...stating.data, dataset: data } } : stating;
  // By path: fields that are left out of a section stay to be chosen.
  const source = { flags: givenFields({ flags: named }) };
  const stated = await loadRecipe(distillRecipe, source);
  const opened = async (model: string | TeacherModel) =>
    typeof model === 'string' ? loadTeacher(model, { ...rest, ...rest.engine }) : model;
  const teacher = await opened(asked);
  const others: TeacherModel[] = [];
  for (const one of further) others.push(await opened(one));
  const dataset = typeof data === 'string' ? await openDataset(data) : data;
  const { checkpoint } = stated.student;
  const complete = (defaults: Readonly<Record<string, unknown>>) => loadRecipe(distillRecipe, { ...source, defaults });
  const templates = typeof asked === 'string' ? trainingOf(asked)?.templates : undefined;
  const models = { teacher, others, dataset, teacherTemplates: templates };
  const adapted = await deriveRecipe(stated, {
    ...{ wish, given: source.flags, teacher: teacherOf(teacher), dataset, complete },
    student: checkpoint === undefined ? undefined : (await loadModelCheckpoint(checkpoint, rest)).config,
    time: (recipe, known) => timeWork({ ...rest, ...models, recipe }, known),
  });
  const recipe = await complete(adapted.fields);
  return distillByRecipe({
    ...(typeof asked === 'string' && { sources: { teacher: asked } }),
    ...{ remarks: adapted.reasons, ...rest, ...models, recipe },
  });
}
