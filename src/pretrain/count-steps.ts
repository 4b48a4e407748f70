import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { readJson, writeFileAtomic } from '../files/index.js';
import { copyParams } from '../nn/index.js';
import { show } from '../schema-issue.js';
import { adamw, type ExecutorOptions, openExecutor, type Task } from '../train/index.js';
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
  { accumulate, compile }: Pick<ExecutorOptions, 'accumulate' | 'compile'>,
): Promise<number> {
  if (recipe.minutes === undefined) return recipe.steps;
  const path = join(runDir, 'length.json');
  if (existsSync(path)) {
    const { steps } = ((await readJson(path)) ?? {}) as { steps?: unknown };
    if (Number.isSafeInteger(steps) && (steps as number) > 0) return steps as number;
    throw new UserError(
      `${path}: steps: expected a number above 0, got ${show(steps)}: begin the run anew, or restore the file`,
    );
  }
  // On copies: these updates are not the run's.
  const params = copyParams(task.params);
  const executor = await openExecutor(
    { ...task, params },
    { accumulate, compile, optimizer: adamw(params), learningRate: () => 0 },
  );
  await executor.run(0, executor.stepsAtOnce); // the first is slow: images are read, buffers are made
  const count = Math.max(3, executor.stepsAtOnce);
  const started = performance.now();
  for (let step = 0; step < count; step += executor.stepsAtOnce) await executor.run(step, executor.stepsAtOnce);
  const secondsPerStep = (performance.now() - started) / 1000 / count;
  await executor.dispose();
  const steps = Math.max(1, Math.floor((recipe.minutes * 60) / secondsPerStep));
  await writeFileAtomic(path, `${JSON.stringify({ minutes: recipe.minutes, steps })}\n`);
  return steps;
}
