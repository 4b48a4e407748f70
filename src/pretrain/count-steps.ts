import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../files/index.js';
import { copyParams } from '../nn/index.js';
import { adamw, type Task, updatesOf } from '../train/index.js';
import type { PretrainRecipe } from './pretrain-recipe.js';

/** The recipe's steps; for a recipe in minutes, as many as fit by the time of a few, counted once a run. */
export async function countSteps(recipe: PretrainRecipe, runDir: string, task: Task): Promise<number> {
  if (recipe.minutes === undefined) return recipe.steps;
  const path = join(runDir, 'length.json');
  if (existsSync(path)) return (JSON.parse(await readFile(path, 'utf8')) as { steps: number }).steps;
  // On copies: these updates are not the run's.
  const params = copyParams(task.params);
  const updates = await updatesOf(
    { ...task, params, lossScale: undefined },
    { optimizer: adamw(params), learningRate: () => 0 },
  );
  await updates.run(0, updates.stepsAtOnce); // the first is slow: pictures are read, buffers are made
  const count = Math.max(3, updates.stepsAtOnce);
  const started = performance.now();
  for (let step = 0; step < count; step += updates.stepsAtOnce) await updates.run(step, updates.stepsAtOnce);
  const secondsPerStep = (performance.now() - started) / 1000 / count;
  await updates.dispose();
  const steps = Math.max(1, Math.floor((recipe.minutes * 60) / secondsPerStep));
  await writeFileAtomic(path, `${JSON.stringify({ minutes: recipe.minutes, steps })}\n`);
  return steps;
}
