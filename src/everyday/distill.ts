import type { z } from 'zod';
import { examplesOf, type ImageTextDataset, openDataset, withSubset } from '../data/index.js';
import {
  adaptRecipe,
  type DistillOptions,
  type DistillResult,
  distill as distillByRecipe,
  distillRecipe,
  loadTeacher,
  type StudentWish,
  type TeacherModel,
  taskTokenizer,
  teacherOf,
} from '../distill/index.js';
import { givenFields, loadRecipe } from '../files/recipe-file.js';
import { loadModelCheckpoint, trainingOf } from '../model/index.js';

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

/**
 * Distils a teacher into a student. Teacher and data may be names, and the recipe may be left out in whole or in part: then
 * student, rates, steps and stored targets follow from teacher and data, as `promptkd distill` chooses them. See the
 * method's own {@link distillByRecipe} for what it promises.
 *
 * @throws UserError for an unknown recipe field, or a recipe that does not fit teacher or data
 * @example
 * const { folder } = await distill({ teacher: 'promptkd:emoji-teacher', dataset: 'folder:photos', runDir: 'runs/mine', preset: 'quick' });
 */
export async function distill(options: EverydayDistillOptions): Promise<DistillResult> {
  const { teacher: given, others: further = [], dataset: data, recipe: fields = {}, ...run } = options;
  const { preset, size, maxParameters, maxBytes, maxStore, ...rest } = run;
  const wish: StudentWish = { preset, size, maxParameters, maxBytes, maxStore };
  const named = typeof data === 'string' ? { ...fields, data: { ...fields.data, dataset: data } } : fields;
  // By path: fields that are left out of a section stay to be chosen.
  const source = { flags: givenFields({ flags: named }) };
  const stated = await loadRecipe(distillRecipe, source);
  const opened = async (model: string | TeacherModel) =>
    typeof model === 'string' ? loadTeacher(model, { ...rest, ...rest.engine }) : model;
  const teacher = await opened(given);
  const others: TeacherModel[] = [];
  for (const one of further) others.push(await opened(one));
  const dataset = typeof data === 'string' ? await openDataset(data) : data;
  const { checkpoint } = stated.student;
  const { split } = stated.data;
  const adapted = adaptRecipe(stated, {
    ...{ wish, given: source.flags, teacher: teacherOf(teacher) },
    vocabulary:
      stated.student.tokens === 'task'
        ? taskTokenizer(teacherOf(teacher).tokenizer, stated, dataset).kept.length
        : undefined,
    images: examplesOf(withSubset(dataset, split, stated.data, stated.seed), split).length,
    student: checkpoint === undefined ? undefined : (await loadModelCheckpoint(checkpoint, rest)).config,
  });
  const recipe = await loadRecipe(distillRecipe, { ...source, defaults: adapted.fields });
  return distillByRecipe({
    ...(typeof given === 'string' && { sources: { teacher: given }, teacherTemplates: trainingOf(given)?.templates }),
    ...{ remarks: adapted.reasons, ...rest, teacher, others, dataset, recipe },
  });
}
