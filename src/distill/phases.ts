import { UserError } from '../errors.js';
import type { PhaseOptions } from './dual-stream.js';
import { activeLosses, type LossName } from './losses/index.js';
import type { DistillRecipe } from './recipe.js';

/** One phase of a run: what learns, by which losses, at which rate. */
export interface Phase extends PhaseOptions {
  name: string;
  steps: number;
  lr: number;
  warmupSteps: number;
}

/**
 * A recipe whose phases are counted in steps: those that give `epochs` pass that often over the images.
 *
 * @param images that are trained on
 */
export function withEpochSteps(recipe: DistillRecipe, images: number): DistillRecipe {
  const seen = recipe.batch * recipe.accumulate; // a step
  const counted = ({ epochs, ...phase }: DistillRecipe['phases']['joint']) =>
    epochs === undefined ? phase : { ...phase, steps: Math.ceil((epochs * images) / seen) };
  const { warmup, prompt, joint } = recipe.phases;
  return {
    ...recipe,
    phases: { warmup: counted(warmup), prompt: counted(prompt), joint: counted(joint) },
  };
}

/**
 * The phases of a run, in order, with the steps each begins at.
 *
 * @throws UserError where the joint phase has no loss
 */
export function phasesOf(recipe: DistillRecipe): Phase[] {
  const { warmup, prompt, joint } = recipe.phases;
  const plan: Omit<Phase, 'firstStep'>[] = [];
  const add = (name: string, p: typeof warmup, trains: PhaseOptions['trains'], prompted: boolean, extra = 0) => {
    const steps = p.steps + extra;
    if (steps > 0)
      plan.push({
        ...{ name, steps, lr: p.lr, warmupSteps: p.warmup_steps, losses: p.losses, trains, prompted },
        ...{ dropPatches: p.drop_patches, imageSize: p.image_size, frozen: p.freeze_layers },
      });
  };
  if (recipe.method === 'kd') {
    const steps = recipe.kd.steps ?? stepsOf([warmup, prompt, joint]);
    const losses: LossName[] = ['response'];
    const whole = { drop_patches: 0, freeze_layers: { vision: 0, text: 0 } };
    const one = { steps, lr: recipe.kd.lr, warmup_steps: recipe.kd.warmup_steps, losses, ...whole };
    add('kd', one, ['student/'], false);
  } else {
    // A phase with nothing to learn, or by, leaves its drawings to the joint one, so that budgets stay equal.
    const idle = ({ losses }: typeof warmup) => activeLosses(recipe, losses).size === 0;
    let left = 0;
    if (idle(warmup)) left += warmup.steps;
    else add('warmup', warmup, ['student/', 'heads/'], false);
    if (!recipe.prompts.enabled || idle(prompt)) left += prompt.steps;
    else add('prompt', prompt, ['prompt/', 'heads/'], true);
    if (idle(joint) && joint.steps + left > 0) {
      throw new UserError(
        'phases.joint.losses: expected at least one that is enabled under losses, with a weight above 0, got none',
      );
    }
    add('joint', joint, ['student/', 'prompt/', 'heads/'], recipe.prompts.enabled, left);
  }
  let firstStep = 0;
  return plan.map((phase) => {
    const placed = { ...phase, firstStep };
    firstStep += phase.steps;
    return placed;
  });
}

/** Steps of all phases together. */
export function stepsOf(phases: readonly Pick<Phase, 'steps'>[]): number {
  return phases.reduce((sum, { steps }) => sum + steps, 0);
}
