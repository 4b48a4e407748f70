import type { ClipConfig } from '../clip/index.js';
import type { DualStream } from './dual-stream.js';
import { activeLosses } from './losses/index.js';
import { seenPatches } from './phase-patches.js';
import type { Phase } from './phases.js';

/** Texts of a step, and how many tokens each has. */
export interface StepTexts {
  readonly count: number;
  readonly length: number;
}

/**
 * About how much a step of a phase computes, to compare phases with one another when time is estimated: multiplications of
 * the student's towers. A tower that learns counts three times (forward, and two products a weight backward), one that
 * gradients only pass through twice.
 */
export function stepCost(
  { config, recipe }: Pick<DualStream, 'config' | 'recipe'>,
  phase: Phase,
  texts: StepTexts,
): number {
  const { vision_config: vision, text_config: text } = config;
  const times = phase.trains.includes('student/') ? 3 : 2;
  const losses = activeLosses(recipe, phase.losses);
  const reads = recipe.method === 'kd' || phase.prompted || [...losses].some((name) => name !== 'attention');
  const images = recipe.batch * blockCost(vision, seenPatches(phase, vision).kept);
  return times * (images + (reads ? texts.count * blockCost(text, texts.length) : 0));
}

/** Multiplications of a tower's blocks for one sequence of tokens. */
function blockCost(
  {
    hidden_size: width,
    intermediate_size: inner,
    num_hidden_layers: layers,
  }: Pick<ClipConfig['text_config'], 'hidden_size' | 'intermediate_size' | 'num_hidden_layers'>,
  tokens: number,
): number {
  return layers * tokens * (4 * width ** 2 + 2 * width * inner + 2 * tokens * width);
}
