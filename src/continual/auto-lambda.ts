import type { Anchor } from '../bank/index.js';
import { copyParams } from '../nn/index.js';
import { type LoopOptions, StepGradientsProgram, train } from '../train/index.js';
import { continualTask, type Learning } from './continual-task.js';
import { balancedLambda } from './ewc-penalty.js';
import { continualOptimizer } from './optimizer.js';
import type { ContinueRecipe } from './recipe.js';

/** Batches over which the task's gradient is averaged. */
const batches = 4;

/**
 * λ of the recipe's `auto`. At the start of a task the parameters are where the anchor is, and the penalty's gradient is 0
 * whatever λ is: so a tenth of the task's steps (at most 30) is done without the penalty, on copies, and λ is such that from
 * there it would pull back as hard as the task's loss pushes, see `balancedLambda`. So it does not depend on how the Fisher
 * information is scaled.
 */
export async function autoLambda(
  learning: Learning,
  anchor: Anchor,
  recipe: ContinueRecipe,
  options: Pick<LoopOptions, 'accumulate' | 'compile' | 'signal'>,
): Promise<number> {
  const steps = Math.max(1, Math.min(30, Math.round(recipe.steps / 10)));
  const copy = { ...learning, consolidation: undefined };
  const tried: Learning = { ...copy, prompts: copyParams(copy.prompts), shared: copyParams(copy.shared) };
  const task = continualTask(tried, recipe, options.compile);
  await train(task, { ...options, steps, ...continualOptimizer(task, recipe) });
  options.signal?.throwIfAborted();
  const program = await StepGradientsProgram.open(task, { accumulate: batches, compile: options.compile });
  try {
    const { groups } = await program.step(0);
    options.compile?.group?.allReduce(groups.task!.flat);
    const gradient = Object.keys(tried.shared).flatMap((name) => groups.task!.byName[`shared/${name}`] ?? []);
    return balancedLambda(gradient, anchor, tried.shared);
  } finally {
    await program.dispose();
  }
}
