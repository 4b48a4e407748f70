import { largestLogitScale, ranksFor, taskShards } from '../model/index.js';
import { paramFeeds } from '../nn/index.js';
import { subset } from '../nn/subset.js';
import type { CompileOptions } from '../runtime/index.js';
import type { Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';
import type { GradientGroup, Task } from '../train/index.js';
import type { Batches } from './batches/batches.js';
import {
  allParams,
  buildLosses,
  crossColumns,
  type DualStream,
  type PhaseOptions,
  tracedParams,
} from './dual-stream.js';
import { crossShardAxis } from './losses/cross-modal.js';
import type { LossName } from './recipe.js';

/**
 * The dual-stream task of one phase: forward of the student with prompts, all losses, and two gradient groups (response +
 * γ·attention; feature, with its limit). The teacher comes in as stored targets.
 *
 * @throws UserError where the ranks do not divide the student's heads and hidden units, or the width of W_q and W_k
 */
export function dualStreamTask(
  s: DualStream,
  batches: Batches,
  phase: PhaseOptions,
  options: CompileOptions = {},
): Task {
  const { recipe } = s;
  const ranks = ranksFor('student', s.config, options, crossColumns(s));
  const p = tracedParams(s, ranks);
  const losses = buildLosses(s, batches, { ...phase, ranks }, p);
  const weight = (name: LossName, factor = 1) =>
    losses[name] ? t.mul(losses[name], factor * recipe.losses[name].weight) : undefined;
  const { gamma, clip } = recipe.coordination;
  const feature = weight('feature');
  const rest = added([weight('response'), weight('attention', gamma), weight('cross_modal', gamma)]);
  const total = added([feature, rest])!;

  const everything = allParams(s);
  const inputs = Object.fromEntries(
    Object.entries(p).flatMap(([room, tree]) =>
      Object.entries(tree).map(([name, tensor]) => [`${room}/${name}`, tensor]),
    ),
  );
  const used = t.inputsOf(total);
  const names = Object.keys(everything).filter(
    (name) => phase.trains.some((prefix) => name.startsWith(prefix)) && name in used,
  );
  const groups: GradientGroup[] = [];
  if (rest) groups.push({ name: 'rest', loss: rest });
  if (feature) groups.push({ name: 'feature', loss: feature, clip: clip > 0 ? clip : undefined });
  const needed = new Set(Object.keys(used));
  return {
    params: subset(everything, names),
    parameters: Object.fromEntries(names.map((name) => [name, inputs[name]!])),
    losses: { total, ...losses },
    groups,
    frozen: { ...everything, ...paramFeeds(s.teacher, 'teacher/') },
    feeds: async (n) => batches.fill(phase.firstStep * recipe.accumulate + n, needed),
    imagesPerBatch: recipe.batch,
    bounds: { 'student/logit_scale': largestLogitScale },
    split: { ranks, axis: (name) => headShards(name) ?? taskShards(name) },
  };
}

/** How the losses' own matrices are split. */
function headShards(name: string): number | undefined {
  const own = /^heads\/(.*)/.exec(name)?.[1];
  return own === undefined ? undefined : crossShardAxis(own);
}

function added(terms: readonly (Tensor | undefined)[]): Tensor | undefined {
  const present = terms.filter((x) => x !== undefined);
  return present.length > 0 ? present.reduce((a, b) => t.add(a, b)) : undefined;
}
