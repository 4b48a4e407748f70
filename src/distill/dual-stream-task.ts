import { type Params, paramFeeds, paramInputs } from '../nn/index.js';
import { type CompileOptions, compile, type Runnable } from '../runtime/index.js';
import type { Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';
import type { Batches } from './batches.js';
import { coordinate, type Gradients } from './coordinate.js';
import { allParams, buildLosses, type DualStream, type PhaseOptions, subset } from './dual-stream.js';
import { lossScaleFor, scaledGradients } from './loss-scale.js';
import { ranksFor, studentShards } from './ranks.js';
import type { LossName } from './recipe.js';
import type { Task } from './task.js';

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
  const ranks = ranksFor(s.config, options);
  const p = {
    student: paramInputs(s.student, 'student/', ranks),
    prompt: paramInputs(s.prompt?.params ?? {}, 'prompt/'),
    heads: paramInputs(s.heads, 'heads/'),
  };
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
  const outputs: Record<string, Tensor> = { total };
  for (const [name, loss] of Object.entries(losses)) outputs[`loss/${name}`] = loss;
  const passes: Record<string, Tensor | undefined> = { feature, rest };
  for (const [pass, loss] of Object.entries(passes)) {
    if (!loss) continue;
    const own = t.inputsOf(loss);
    const reached = names.filter((name) => name in own);
    const wrt = reached.map((name) => inputs[name]!);
    for (const [i, g] of scaledGradients(loss, wrt, lossScale).entries()) outputs[`${pass}|${reached[i]}`] = g;
  }
  const program: Runnable = await compile({ outputs, shards: studentShards }, options);

  const params = subset(everything, names);
  const gradients: Gradients = Object.fromEntries(
    names.map((name) => [name, new Float32Array(params[name]!.data.length)]),
  );
  const wanted = new Set(program.inputs.map((i) => i.name));
  const fixed = { ...everything, ...paramFeeds(s.teacher, 'teacher/'), ...lossScale?.feeds };
  return {
    params,
    lossScale,
    imagesPerStep: recipe.batch,
    async step(step) {
      const result = await program.run({ ...fixed, ...batches.fill(phase.firstStep + step, wanted) });
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

/** CLIP's bound: exp(logit_scale) stays at most 100 (Radford et al. 2021, section 2.5). */
export function boundLogitScale(student: Params): void {
  const { data } = student.logit_scale!;
  data[0] = Math.min(data[0]!, Math.log(100));
}

function added(terms: readonly (Tensor | undefined)[]): Tensor | undefined {
  const present = terms.filter((x) => x !== undefined);
  return present.length > 0 ? present.reduce((a, b) => t.add(a, b)) : undefined;
}
