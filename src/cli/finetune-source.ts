import { existsSync } from 'node:fs';
import type { DownloadOptions } from '../clip/index.js';
import type { FinetuneOptions } from '../compress/index.js';
import type { ImageTextDataset } from '../data/index.js';
import { distillRecipe, loadTeacher } from '../distill/index.js';
import { UserError } from '../errors.js';

import { loadRecipe } from '../files/recipe-file.js';
import type { RunFiles } from './run-files.js';

export interface FinetuneFlags {
  readonly finetune?: number;
  readonly finetuneLr?: number;
  readonly teacher?: string;
  readonly targets?: string;
  readonly data?: string;
}

/**
 * What a student is fine-tuned by: its run's recipe, teacher and stored targets, or those of the flags in their place.
 *
 * @returns undefined without `--finetune`
 * @throws UserError where flags stand without it, there is no teacher, or the recipe is none of a distillation
 */
export async function finetuneSource(
  flags: FinetuneFlags,
  run: RunFiles,
  dataset: ImageTextDataset,
  download: DownloadOptions,
): Promise<FinetuneOptions | undefined> {
  const { finetune: steps, finetuneLr: learningRate, data } = flags;
  if (steps === undefined) {
    const idle = (['finetuneLr', 'teacher', 'targets'] as const).find((name) => flags[name] !== undefined);
    if (idle)
      throw new UserError(
        `--${idle === 'finetuneLr' ? 'finetune-lr' : idle}: only --finetune uses it: add --finetune <n>`,
      );
    return undefined;
  }
  const teacher = flags.teacher ?? run.teacher;
  if (teacher === undefined) {
    throw new UserError(
      `--finetune: expected a teacher, and ${run.recipeFile ?? 'the model'} names none: give it with --teacher`,
    );
  }
  const recipe = await loadRecipe(distillRecipe, { file: run.recipeFile, flags: { 'data.dataset': data } });
  const targetsDir = flags.targets ?? run.targetsDir;
  if (flags.targets !== undefined && !existsSync(flags.targets))
    throw new UserError(`--targets ${flags.targets}: no such folder`);
  return { steps, learningRate, teacher: await loadTeacher(teacher, download), recipe, dataset, targetsDir };
}
