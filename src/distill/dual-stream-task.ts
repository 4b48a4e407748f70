import { logitBounds, ranksFor, taskShards } from '../model/index.js';
import { paramFeeds, subset } from '../nn/index.js';
import type { CompileOptions } from '../runtime/index.js';

import * as t from '../tensor/index.js';
import type { GradientGroup, Task } from '../train/index.js';
import type { Batches } from './batches/batches.js';
import { allParams, buildLosses, type DualStream, type PhaseOptions, splitSizes, tracedParams } from './dual-stream.js';
import { isFrozen } from './frozen-layers.js';
import { headShardAxis } from './losses/index.js';
import { weightedLosses } from './losses/weighted-losses.js';
import { keptTokens, seenPatches } from './phase-patches.js';

/**
 * The dual-stream task of one phase, or a process's share of it: forward of the student with prompts, all losses, and two gradient groups (the losses
 * that are clipped together, with their limit; the others). The teacher comes in as stored targets.
 *
 * @throws UserError where the ranks do not divide the student's heads and hidden units, or a loss's own sizes
 */
export function dualStreamTask(
  s: DualStream,
  batches: Batches,
  phase: PhaseOptions,
  options: CompileOptions = {},
): Task {
  const { recipe } = s;
  const ranks = ranksFor('student', s.config, options, splitSizes(s));
  const p = tracedParams(s, ranks);
  const losses = buildLosses(s, batches, { ...phase, ranks }, p);
  const { total, clipped, free } = weightedLosses(losses, recipe);
  const { clip } = recipe.coordination;

  const everything = allParams(s);
  const inputs = Object.fromEntries(
    Object.entries(p).flatMap(([room, tree]) =>
      Object.entries(tree).map(([name, tensor]) => [`${room}/${name}`, tensor]),
    ),
  );
  const used = t.inputsOf(total);
  const names = Object.keys(everything).filter(
    (name) => phase.trains.some((prefix) => name.startsWith(prefix)) && !isFrozen(name, phase.frozen) && name in used,
  );
  const groups: GradientGroup[] = [];
  if (clip > 0) {
    if (free) groups.push({ name: 'free', loss: free });
    if (clipped) groups.push({ name: 'clipped', loss: clipped, clip });
  } else groups.push({ name: 'all', loss: total }); // one backward pass in place of two
  const needed = new Set(Object.keys(used));
  const kept = used.kept && keptFeed(s, batches, phase, used.kept.shape as number[]);
  return {
    params: subset(everything, names),
    parameters: Object.fromEntries(names.map((name) => [name, inputs[name]!])),
    losses: { total, ...losses },
    groups,
    frozen: { ...everything, ...paramFeeds(s.teacher, 'teacher/') },
    async feeds(n) {
      const batch = phase.firstStep * recipe.accumulate + n;
      const feeds = batches.fill(batch, needed);
      return kept ? { ...feeds, kept: kept(batch) } : feeds;
    },
    imagesPerBatch: batches.share.images.count,
    bounds: logitBounds(s.config, 'student/'),
    split: { ranks, axis: (name) => headShards(name) ?? taskShards(name) },
  };
}

/** The tokens that the own images keep in a batch. @param shape [b, K] */
function keptFeed({ config, recipe }: DualStream, { share }: Batches, phase: PhaseOptions, shape: readonly number[]) {
  const seen = seenPatches(phase, config.vision_config);
  const [, width] = shape as [number, number];
  const tokens = width - seen.kept + seen.grid[0] * seen.grid[1];
  const { from, count } = share.images;
  return (batch: number) => {
    const positions = Array.from({ length: count }, (_, i) => batch * recipe.batch + from + i);
    return { shape, data: keptTokens(recipe.seed, positions, seen, tokens) };
  };
}

/** How the losses' own matrices are split. */
function headShards(name: string): number | undefined {
  const own = /^heads\/(.*)/.exec(name)?.[1];
  return own === undefined ? undefined : headShardAxis(own);
}
