import { adamw, type LoopOptions, type Task, warmupCosine } from '../train/index.js';
import type { ContinueRecipe } from './recipe.js';

/** AdamW by the recipe: prompts of a task's own learn at another rate than weights that tasks share. */
export function continualOptimizer(
  { params }: Pick<Task, 'params'>,
  recipe: Pick<ContinueRecipe, 'lr' | 'prompts' | 'steps' | 'warmup_steps' | 'weight_decay' | 'clip'>,
): Pick<LoopOptions, 'optimizer' | 'learningRate' | 'clipNorm'> {
  const { lr, prompts, steps, warmup_steps: warmupSteps, weight_decay: weightDecay } = recipe;
  const own = (name: string) => name.startsWith('task/');
  const peak = Object.keys(params).every(own) ? prompts.lr : lr;
  const learningRateScale = (name: string) => (own(name) ? prompts.lr : lr) / peak;
  return {
    optimizer: adamw(params, { weightDecay, learningRateScale }),
    learningRate: warmupCosine({ peak, steps, warmupSteps }),
    clipNorm: recipe.clip,
  };
}
