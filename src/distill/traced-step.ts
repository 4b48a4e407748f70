import type { Params } from '../nn/index.js';
import {
  type CompileOptions,
  compileResident,
  type Feeds,
  type Resident,
  type ResidentOptions,
} from '../runtime/index.js';
import { add, greater, type HostTensor, input, minimum, mul, sub, type Tensor, where } from '../tensor/index.js';
import { tracedClip, tracedNorm } from './coordinate.js';
import type { LossScale } from './loss-scale.js';
import type { Optimizer } from './optimizer.js';

/** Whether parameters are to stay on the device: one that has a memory of its own, with the whole of them. */
export function keepsParameters({ device = 'cpu', ranks = 1 }: CompileOptions = {}): boolean {
  return device !== 'cpu' && ranks === 1;
}

/** A task's step as a graph, for a device that keeps the parameters. An input that is a parameter is called as it. */
export interface TracedStep {
  /** What a step reports, scalars. */
  readonly losses: Readonly<Record<string, Tensor>>;
  /** By parameter name, as the optimizer is to see them. */
  readonly gradients: Readonly<Record<string, Tensor>>;
  /** The inputs of the parameters that have gradients, by name. */
  readonly parameters: Readonly<Record<string, Tensor>>;
  /** Inputs that never change, by name; others than the graph has may stand among them. */
  readonly frozen: Params;
  /** What the inputs are fed that differ from step to step. Arrays may be reused by the next. */
  feeds(step: number): Promise<Feeds>;
  /** Upper bounds of parameters after each update, by name. */
  readonly bounds: Readonly<Record<string, number>>;
  readonly options: Omit<ResidentOptions, 'frozen'>;
}

export interface TracedUpdateOptions {
  readonly optimizer: Optimizer;
  /** Largest norm of all gradients together. */
  readonly clipNorm?: number;
  /** Given where gradients may overflow: such an update is left out. */
  readonly lossScale?: LossScale;
  /** Live arrays of the averaged parameters, and their decay at a step, where an average is kept. */
  readonly average?: { readonly params: Params; readonly keep: (step: number) => number };
  readonly learningRate: (step: number) => number;
}

const NORM = 'update/norm';
const HELD_BACK = 'update/held_back';
const AVERAGE = 'average/';
const SCALAR = 'update/';

/**
 * The whole of a training step as one graph that is carried on from step to step: gradients, their norm and its limit, the
 * optimizer's update, bounds and the average.
 *
 * @param params all trained arrays, where the state starts from and is read into
 */
export async function compileTracedStep(
  step: TracedStep,
  params: Params,
  { optimizer, clipNorm, lossScale, average, learningRate }: TracedUpdateOptions,
): Promise<TracedProgram> {
  const { gradients, parameters } = step;
  const norm = tracedNorm(gradients);
  const clipped = tracedClip(gradients, clipNorm, norm);

  const arrays: Record<string, HostTensor> = { ...params, ...optimizer.state() };
  const scalarsAt = (at: number): Record<string, number> => ({
    ...optimizer.traced.scalars(learningRate(at), at),
    ...(average ? { keep: average.keep(at) } : {}),
  });
  const scalars = Object.fromEntries(Object.keys(scalarsAt(0)).map((name) => [name, input(SCALAR + name, [])]));
  const moments = Object.fromEntries(
    Object.entries(optimizer.state()).map(([name, { shape }]) => [name, input(name, shape)]),
  );
  const before: Record<string, Tensor> = { ...parameters, ...moments };
  const after = optimizer.traced.update(before, clipped, scalars);
  for (const [name, bound] of Object.entries(step.bounds)) if (after[name]) after[name] = minimum(after[name], bound);
  if (average) {
    for (const name of Object.keys(parameters)) {
      const kept = input(AVERAGE + name, parameters[name]!.shape);
      before[AVERAGE + name] = kept;
      arrays[AVERAGE + name] = average.params[name]!;
      const now = after[name] ?? parameters[name]!;
      after[AVERAGE + name] = add(mul(kept, scalars.keep!), mul(now, sub(1, scalars.keep!)));
    }
  }
  const reports: Record<string, Tensor> = { ...step.losses, [NORM]: norm };
  if (lossScale) {
    // An update whose gradients overflowed is left out. NaN is not below infinity either.
    const finite = greater(Number.POSITIVE_INFINITY, norm);
    for (const [name, value] of Object.entries(after)) after[name] = where(finite, value, before[name]!);
    Object.assign(after, lossScale.settled(finite));
    Object.assign(arrays, lossScale.carried);
    // At a scale of 1 an overflow is no longer the scale's.
    reports[HELD_BACK] = where(finite, 0, where(greater(lossScale.traced, 1), 1, 0));
  }
  const start = Object.fromEntries(Object.keys(after).map((name) => [name, arrays[name]!]));
  // A parameter whose rate is 0 stands still, too.
  const frozen = Object.fromEntries(Object.entries({ ...step.frozen, ...params }).filter(([name]) => !(name in after)));
  const program = await compileResident({ reports, state: after }, start, {
    ...step.options,
    frozen,
  });
  return new TracedProgram(program, step, scalarsAt);
}

/** What one update reported. */
export interface StepReport {
  readonly losses: Readonly<Record<string, number>>;
  /** Before clipping. */
  readonly gradientNorm: number;
  /** Gradients overflowed, and the update was left out. */
  readonly heldBack: boolean;
}

/** Training steps on a device that keeps the parameters. */
export class TracedProgram {
  constructor(
    private readonly program: Resident,
    private readonly step: TracedStep,
    private readonly scalarsAt: (step: number) => Record<string, number>,
  ) {}

  get stepsAtOnce(): number {
    return this.program.stepsAtOnce;
  }

  /** The updates `from` … `from + count − 1`. */
  async run(from: number, count: number): Promise<StepReport[]> {
    const reports = await this.program.run(count, async (i) => {
      const feeds: Record<string, HostTensor> = { ...(await this.step.feeds(from + i)) };
      for (const [name, value] of Object.entries(this.scalarsAt(from + i))) {
        feeds[SCALAR + name] = { shape: [], data: Float32Array.of(value) };
      }
      return feeds;
    });
    return reports.map(({ [NORM]: norm, [HELD_BACK]: heldBack, ...losses }) => ({
      losses: Object.fromEntries(Object.entries(losses).map(([name, { data }]) => [name, data[0]!])),
      gradientNorm: norm!.data[0]!,
      heldBack: heldBack?.data[0] === 1,
    }));
  }

  /** Brings the arrays of parameters, optimizer and average up to date. */
  read(): Promise<void> {
    return this.program.read();
  }

  dispose(): Promise<void> {
    return this.program.dispose();
  }
}
