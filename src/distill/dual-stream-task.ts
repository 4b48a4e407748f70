import { largestLogitScale, ranksFor, taskShards } from '../model/index.js';
import { paramFeeds } from '../nn/index.js';
import { subset } from '../nn/subset.js';
import type { CompileOptions } from '../runtime/index.js';
import type { Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';
import type { Task } from '../train/index.js';
import { lossScaleFor, scaledGradients, tracedTask } from '../train/index.js';
import type { Batches } from './batches/batches.js';
import { allParams, buildLosses, type DualStream, type PhaseOptions, splitSizes, tracedParams } from './dual-stream.js';
import { headShardAxis } from './losses/index.js';
import { weightedLosses } from './losses/weighted-losses.js';

/**
 * The dual-stream task of one phase: forward of the student with prompts, all losses, and both backward passes
 * (the clipped losses; the others) in one compiled program. The teacher comes in as stored targets.
 */
export async function dualStreamTask(
  s: DualStream,
  batches: Batches,
  phase: PhaseOptions,
  options: CompileOptions = {},
): Promise<Task & { dispose(): Promise<void> }> {
  const { recipe } = s;
  const { batch, accumulate } = recipe;
  const ranks = ranksFor('student', s.config, options, splitSizes(s));
  const p = tracedParams(s, ranks);
  const losses = buildLosses(s, batches, { ...phase, ranks }, p);
  const { total, clipped, free } = weightedLosses(losses, recipe);
  const { clip } = recipe.coordination;

  const lossScale = lossScaleFor(options.precision);
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
  /** ∂loss/∂w of each parameter that it reaches. */
  const backward = (loss: Tensor | undefined): Record<string, Tensor> => {
    if (!loss) return {};
    const own = t.inputsOf(loss);
    const reached = names.filter((name) => name in own);
    const wrt = reached.map((name) => inputs[name]!);
    return Object.fromEntries(scaledGradients(loss, wrt, lossScale).map((g, i) => [reached[i]!, g]));
  };
  const params = subset(everything, names);
  const needed = new Set(Object.keys(used));
  return tracedTask(
    { params, lossScale, imagesPerStep: batch * accumulate },
    {
      losses: { total, ...losses },
      gradients: backward(free),
      limited: { gradients: backward(clipped), clip: clip > 0 ? clip : undefined },
      accumulate,
      parameters: Object.fromEntries(names.map((name) => [name, inputs[name]!])),
      frozen: { ...everything, ...paramFeeds(s.teacher, 'teacher/') },
      feeds: async (n) => batches.fill(phase.firstStep * accumulate + n, needed),
      bounds: { 'student/logit_scale': largestLogitScale },
      options,
    },
    (name) => headShards(name) ?? taskShards(name),
  );
}

/** How the losses' own matrices and their gradients are split. */
function headShards(name: string): number | undefined {
  const own = /(?:^|\|)heads\/(.*)/.exec(name)?.[1];
  return own === undefined ? undefined : headShardAxis(own);
}
