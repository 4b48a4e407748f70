import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { readJson, writeFileAtomic } from '../files/index.js';
import { leads, madeByFirst } from '../group/index.js';
import { show } from '../schema-issue.js';
import { type ExecutorOptions, type Task, timeSteps } from '../train/index.js';
import type { PretrainRecipe } from './pretrain-recipe.js';

/**
 * The recipe's steps; for a recipe in minutes, as many as fit by the time of a few, counted once a run.
 *
 * @throws UserError where the count in the run folder is damaged
 */
export async function countSteps(
  recipe: PretrainRecipe,
  runDir: string,
  task: Task,
  engine: Pick<ExecutorOptions, 'accumulate' | 'compile'>,
): Promise<number> {
  if (recipe.minutes === undefined) return recipe.steps;
  const path = join(runDir, 'length.json');
  const { group } = engine.compile ?? {};
  const counted = await madeByFirst(group, async () => ({
    steps: existsSync(path) ? await readSteps(path) : undefined,
  }));
  if (counted.steps !== undefined) return counted.steps;
  const secondsPerStep = await timeSteps(task, engine);
  const steps = Math.max(1, Math.floor((recipe.minutes * 60) / secondsPerStep));
  if (leads(group)) await writeFileAtomic(path, `${JSON.stringify({ minutes: recipe.minutes, steps })}\n`);
  return steps;
}

async function readSteps(path: string): Promise<number> {
  const { steps } = ((await readJson(path)) ?? {}) as { steps?: unknown };
  if (Number.isSafeInteger(steps) && (steps as number) > 0) return steps as number;
  throw new UserError(
    `${path}: steps: expected a number above 0, got ${show(steps)}: begin the run anew, or restore the file`,
  );
}
