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
 * the student's towers. A layer that learns counts three times (forward, and two products a weight backward), one that
 * gradients only pass through twice, a frozen one that nothing below learns by once.
 */
export function stepCost(
  { config, recipe }: Pick<DualStream, 'config' | 'recipe'>,
  phase: Phase,
  texts: StepTexts,
): number {
  const { vision_config: vision, text_config: text } = config;
  const learns = phase.trains.includes('student/');
  const still = phase.prompted ? 2 : 1;
  const layers = (all: number, frozen: number) => (learns ? 3 * (all - frozen) + still * frozen : 2 * all);
  const losses = activeLosses(recipe, phase.losses);
  const reads = recipe.method === 'kd' || phase.prompted || [...losses].some((name) => name !== 'attention');
  const image =
    blockCost(vision, seenPatches(phase, vision).kept) * layers(vision.num_hidden_layers, phase.frozen.vision);
  const one = blockCost(text, texts.length) * layers(text.num_hidden_layers, phase.frozen.text);
  return recipe.batch * image + (reads ? texts.count * one : 0);
}

/** Multiplications of one of a tower's blocks for one sequence of tokens. */
function blockCost(
  {
    hidden_size: width,
    intermediate_size: inner,
  }: Pick<ClipConfig['text_config'], 'hidden_size' | 'intermediate_size'>,
  tokens: number,
): number {
  return tokens * (4 * width ** 2 + 2 * width * inner + 2 * tokens * width);
}
