import { paramFeeds } from '../nn/index.js';
import { type CompileOptions, compile, type Runnable } from '../runtime/index.js';
import type { Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';
import type { Batches } from './batches.js';
import { coordinate, type Gradients } from './coordinate.js';
import {
  allParams,
  buildLosses,
  crossColumns,
  type DualStream,
  type PhaseOptions,
  subset,
  tracedParams,
} from './dual-stream.js';
import { boundLogitScale, largestLogitScale } from './logit-scale.js';
import { lossScaleFor, scaledGradients } from './loss-scale.js';
import { OutputMeans } from './output-means.js';
import { ranksFor, taskShards } from './ranks.js';
import type { LossName } from './recipe.js';
import { deviceTask, type Task } from './task.js';
import { keepsParameters, type TracedStep } from './traced-step.js';

/**
 * The dual-stream task of one phase: forward of the student with prompts, all losses, and both backward passes
 * (feature; response + γ·attention) in one compiled program. The teacher comes in as stored targets.
 */
export async function dualStreamTask(
  s: DualStream,
  batches: Batches,
  phase: PhaseOptions,
  options: CompileOptions = {},
): Promise<Task & { dispose(): Promise<void> }> {
  const { recipe } = s;
  const { batch, accumulate } = recipe;
  const ranks = ranksFor('student', s.config, options, crossColumns(s));
  const p = tracedParams(s, ranks);
  const losses = buildLosses(s, batches, { ...phase, ranks }, p);
  const weight = (name: LossName, factor = 1) =>
    losses[name] ? t.mul(losses[name], factor * recipe.losses[name].weight) : undefined;
  const { gamma, clip } = recipe.coordination;
  const feature = weight('feature');
  const rest = added([weight('response'), weight('attention', gamma), weight('cross_modal', gamma)]);
  const total = added([feature, rest])!;

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
  const passes = { feature: backward(feature), rest: backward(rest) };
  const params = subset(everything, names);
  const frozen = { ...everything, ...paramFeeds(s.teacher, 'teacher/') };
  if (keepsParameters(options)) {
    const needed = new Set(Object.keys(t.inputsOf(total)));
    const traced: TracedStep = {
      losses: { total, ...losses },
      gradients: passes.rest,
      limited: { gradients: passes.feature, clip: clip > 0 ? clip : undefined },
      accumulate,
      parameters: Object.fromEntries(names.map((name) => [name, inputs[name]!])),
      frozen,
      feeds: async (n) => ({ ...batches.fill(phase.firstStep * accumulate + n, needed), ...lossScale?.feeds }),
      bounds: { 'student/logit_scale': largestLogitScale },
      options,
    };
    return deviceTask({ params, lossScale, imagesPerStep: batch * accumulate }, traced);
  }
  const outputs: Record<string, Tensor> = { total };
  for (const [name, loss] of Object.entries(losses)) outputs[`loss/${name}`] = loss;
  for (const [pass, parts] of Object.entries(passes)) {
    for (const [name, g] of Object.entries(parts)) outputs[`${pass}|${name}`] = g;
  }
  const fixed = Object.fromEntries(Object.entries(frozen).filter(([name]) => !(name in params)));
  const program: Runnable = await compile({ outputs, shards: taskShards }, { ...options, fixed });

  const gradients: Gradients = Object.fromEntries(
    names.map((name) => [name, new Float32Array(params[name]!.data.length)]),
  );
  const wanted = new Set(program.inputs.map((i) => i.name));
  const carried = { ...params, ...lossScale?.feeds };
  const means = new OutputMeans(accumulate);
  return {
    params,
    lossScale,
    imagesPerStep: batch * accumulate,
    async step(step) {
      const first = (phase.firstStep + step) * accumulate;
      const result = await means.of((i) => program.run({ ...carried, ...batches.fill(first + i, wanted) }));
      const parts: Record<string, Gradients> = { feature: {}, rest: {} };
      const report: Record<string, number> = {};
      for (const [key, { data }] of Object.entries(result)) {
        const [pass, name] = key.split('|') as [string, string | undefined];
        if (name !== undefined) parts[pass]![name] = data as Float32Array;
        else report[key.replace('loss/', '')] = data[0]!;
      }
      coordinate(parts.feature!, parts.rest!, clip > 0 ? clip : Number.POSITIVE_INFINITY, gradients);
      return { losses: report, gradients };
    },
    constrain: () => boundLogitScale(s.student),
    dispose: () => program.dispose(),
  };
}

function added(terms: readonly (Tensor | undefined)[]): Tensor | undefined {
  const present = terms.filter((x) => x !== undefined);
  return present.length > 0 ? present.reduce((a, b) => t.add(a, b)) : undefined;
}
