import type { PhaseOptions } from './dual-stream.js';
import type { DistillRecipe, LossName } from './recipe.js';

/** One phase of a run: what learns, by which losses, at which rate. */
export interface Phase extends PhaseOptions {
  name: string;
  steps: number;
  lr: number;
  warmupSteps: number;
}

/** The phases of a run, in order, with the steps each begins at. */
export function phasesOf(recipe: DistillRecipe): Phase[] {
  const { warmup, prompt, joint } = recipe.phases;
  const plan: Omit<Phase, 'firstStep'>[] = [];
  const add = (name: string, p: typeof warmup, trains: PhaseOptions['trains'], prompted: boolean, extra = 0) => {
    const steps = p.steps + extra;
    if (steps > 0)
      plan.push({ name, steps, lr: p.lr, warmupSteps: p.warmup_steps, losses: p.losses, trains, prompted });
  };
  if (recipe.method === 'kd') {
    const steps = recipe.kd.steps ?? warmup.steps + prompt.steps + joint.steps;
    const one = { steps, lr: recipe.kd.lr, warmup_steps: recipe.kd.warmup_steps, losses: ['response'] as LossName[] };
    add('kd', one, ['student/'], false);
  } else {
    add('warmup', warmup, ['student/', 'heads/'], false);
    // Without prompts there is nothing to learn in their phase; its drawings go to the joint one, so that budgets stay equal.
    if (recipe.prompts.enabled) add('prompt', prompt, ['prompt/', 'heads/'], true);
    add(
      'joint',
      joint,
      ['student/', 'prompt/', 'heads/'],
      recipe.prompts.enabled,
      recipe.prompts.enabled ? 0 : prompt.steps,
    );
  }
  let firstStep = 0;
  return plan.map((phase) => {
    const placed = { ...phase, firstStep };
    firstStep += phase.steps;
    return placed;
  });
}
