import type { Params } from '../nn/index.js';
import {
  type CompileOptions,
  compileResident,
  type Feed,
  type Feeds,
  type Reports,
  type Resident,
} from '../runtime/index.js';
import {
  add,
  div,
  elements,
  greater,
  type HostTensor,
  input,
  minimum,
  type Pack,
  pack,
  packed,
  sub,
  type Tensor,
  where,
} from '../tensor/index.js';
import { coordinated, tracedClip, tracedNorm } from './coordinate.js';
import type { LossScale } from './loss-scale.js';
import { averageOf } from './moving-average.js';
import type { Optimizer } from './optimizer.js';

/** Whether parameters are to stay on the device: one that has a memory of its own, with the whole of them. */
export function keepsParameters({ device = 'cpu', ranks = 1 }: CompileOptions = {}): boolean {
  return device !== 'cpu' && ranks === 1;
}

/** By parameter name. */
type TracedGradients = Readonly<Record<string, Tensor>>;

/** A task's step as a graph. An input that is a parameter is called as it. */
export interface TracedStep {
  /** What a batch reports, scalars. */
  readonly losses: Readonly<Record<string, Tensor>>;
  /** Of a batch. */
  readonly gradients: TracedGradients;
  /** Gradients that are added to these, with a limit of their own: see `coordinate`. */
  readonly limited?: { readonly gradients: TracedGradients; readonly clip: number | undefined };
  /** Batches a step, over which losses and gradients are averaged before anything else is done with them. */
  readonly accumulate: number;
  /** The inputs of the parameters that have gradients, by name. */
  readonly parameters: Readonly<Record<string, Tensor>>;
  /** Inputs that never change, by name; others than the graph has may stand among them. */
  readonly frozen: Params;
  /** What the inputs are fed that differ from batch to batch, counted over all steps. Arrays may be reused by the next. */
  feeds(batch: number): Promise<Feeds>;
  /** Upper bounds of parameters after each update, by name. */
  readonly bounds: Readonly<Record<string, number>>;
  readonly options: Omit<CompileOptions, 'fixed'>;
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
const PACK = 'pack/';
const SUM = 'sum/';

/**
 * The whole of a training step as one graph that is carried on from step to step: gradients, their norm and its limit, the
 * optimizer's update, bounds and the average.
 *
 * Of a step of several batches it is run for each, with the sum of gradients carried on, too: before the last batch the
 * update is computed and not taken. That is some passes over the parameters; a second graph, without it, could not share
 * the state on CUDA.
 *
 * @param params all trained arrays, where the state starts from and is read into
 */
export async function compileTracedStep(
  step: TracedStep,
  params: Params,
  { optimizer, clipNorm, lossScale, average, learningRate }: TracedUpdateOptions,
): Promise<TracedProgram> {
  const { parameters, limited, accumulate } = step;
  const scalarsAt = (at: number, last: boolean): Record<string, number> => ({
    rate: learningRate(at),
    step: at,
    ...(average ? { keep: average.keep(at) } : {}),
    ...(accumulate > 1 ? { last: Number(last) } : {}),
  });
  const scalars = Object.fromEntries(Object.keys(scalarsAt(0, true)).map((name) => [name, input(SCALAR + name, [])]));
  const last = scalars.last && greater(scalars.last, 0);

  const packs = packsOf(step, optimizer, average !== undefined);
  const sums: Params = {};
  const after: Record<string, Tensor> = {};
  const means = (pass: string, gradients: TracedGradients): TracedGradients =>
    Object.fromEntries(
      Object.entries(packGradients(packs, gradients)).map(([name, gradient]) => {
        if (!last) return [name, gradient];
        const shape = gradient.sizes(`gradient ${name}`);
        const before = input(`${SUM}${pass}/${name}`, shape);
        const sum = add(before, div(gradient, accumulate));
        sums[before.name!] = { shape, data: new Float32Array(elements(shape)) };
        after[before.name!] = where(last, 0, sum);
        return [name, sum];
      }),
    );
  const gradients = coordinated(
    limited ? means('limited', limited.gradients) : {},
    means('free', step.gradients),
    limited?.clip,
  );
  const norm = tracedNorm(gradients);
  const clipped = tracedClip(gradients, clipNorm, norm);

  // An update whose gradients overflowed is left out. NaN is not below infinity either.
  const finite = lossScale && greater(Number.POSITIVE_INFINITY, norm);
  const applies = finite && scalars.last ? greater(where(finite, scalars.last, 0), 0) : (finite ?? last);
  const done = lossScale ? sub(scalars.step!, lossScale.tracedLeftOut) : scalars.step!;
  const common = optimizer.traced.scalars(scalars.rate!, done);
  const keep = scalars.keep && (applies ? where(applies, scalars.keep, 1) : scalars.keep);
  for (const { name, group, bound, arrays } of packs) {
    const wholes = arrays.map(({ whole }) => whole);
    const moved = wholes.slice(0, 1 + optimizer.traced.moments.length);
    const updated = optimizer.traced.update(group, moved, clipped[name]!, common, applies);
    if (bound !== undefined) {
      const within = minimum(updated[0]!, bound);
      updated[0] = applies ? where(applies, within, updated[0]!) : within;
    }
    if (average) updated.push(averageOf(wholes.at(-1)!, updated[0]!, keep!));
    for (const [i, whole] of wholes.entries()) after[whole.name!] = updated[i]!;
  }
  // A parameter that stands still has an average that comes nearer to it, all the same.
  const moving = new Set(packs.flatMap(({ members }) => members));
  for (const [name, parameter] of Object.entries(average ? parameters : {})) {
    if (moving.has(name)) continue;
    after[AVERAGE + name] = averageOf(input(AVERAGE + name, parameter.shape), parameter, keep!);
  }
  const reports: Record<string, Tensor> = { ...step.losses, [NORM]: norm };
  if (lossScale && finite) {
    Object.assign(after, lossScale.settled(finite, last));
    reports[HELD_BACK] = lossScale.heldBack(finite);
  }
  const held = packs.flatMap(({ arrays }) => arrays);
  const arrays: Record<string, HostTensor> = { ...params, ...optimizer.state(), ...lossScale?.carried, ...sums };
  for (const [name, tensor] of Object.entries(average?.params ?? {})) arrays[AVERAGE + name] = tensor;
  const inPacks = held.flatMap(({ members }) => members.map(({ name }) => name!));
  const wholes = new Set(held.map(({ whole }) => whole.name!));
  const carried = [...inPacks, ...Object.keys(after).filter((name) => !wholes.has(name))];
  const start = Object.fromEntries(carried.map((name) => [name, arrays[name]!]));
  // A parameter whose rate is 0 stands still, too.
  const fixed = Object.fromEntries(Object.entries({ ...step.frozen, ...params }).filter(([name]) => !(name in start)));
  const program = await compileResident({ reports, state: after, packs: held }, start, { ...step.options, fixed });
  return new TracedProgram(program, step, scalarsAt);
}

/** Gradients with those of each pack in one array, by its name. */
function packGradients(packs: readonly UpdatePack[], gradients: TracedGradients): TracedGradients {
  const found: Record<string, Tensor> = { ...gradients };
  for (const { name, members } of packs) {
    if (!(members[0]! in gradients)) continue;
    found[name] = packed(members.map((member) => gradients[member]!));
    for (const member of members) delete found[member];
  }
  return found;
}

/** Parameters that are updated as one array. */
interface UpdatePack {
  readonly name: string;
  readonly members: readonly string[];
  readonly group: string;
  readonly bound: number | undefined;
  /** The parameters, the optimizer's moments of them, and their average where one is kept. */
  readonly arrays: readonly Pack[];
}

/** Most numbers of a pack: 128 MB, WebGPU's usual limit of what a shader may bind. */
const mostNumbers = 2 ** 25;

/**
 * The parameters that have gradients, in packs of those that are alike and treated alike. One by one, each step would
 * start dozens of kernels a parameter, most of which are over before the next is started.
 */
function packsOf(
  { gradients, limited, parameters, bounds }: TracedStep,
  { traced }: Optimizer,
  averaged: boolean,
): UpdatePack[] {
  const found = new Map<string, string[]>();
  for (const name of new Set([gradients, limited?.gradients ?? {}].flatMap(Object.keys))) {
    const group = traced.group(name);
    if (group === undefined) continue;
    const shape = parameters[name]!.sizes(`parameter ${name}`);
    const most = Math.max(1, Math.floor(mostNumbers / elements(shape)));
    const reached = [name in gradients, name in (limited?.gradients ?? {})];
    const alike = (i: number) => [group, bounds[name], shape, reached, i].join();
    let i = 0;
    while ((found.get(alike(i))?.length ?? 0) === most) i++;
    found.set(alike(i), [...(found.get(alike(i)) ?? []), name]);
  }
  const kinds = ['', ...traced.moments, ...(averaged ? [AVERAGE] : [])];
  return [...found.values()].map((members, i) => {
    const name = `${PACK}${i}`;
    const inputs = (kind: string) =>
      members.map((member) => (kind ? input(kind + member, parameters[member]!.shape) : parameters[member]!));
    const arrays = kinds.map((kind) => pack(`${name}/${kind}`, inputs(kind)));
    return { name, members, group: traced.group(members[0]!)!, bound: bounds[members[0]!], arrays };
  });
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
    private readonly scalarsAt: (step: number, last: boolean) => Record<string, number>,
  ) {}

  get stepsAtOnce(): number {
    return Math.max(1, Math.floor(this.program.stepsAtOnce / this.step.accumulate));
  }

  /** The updates `from` … `from + count − 1`. */
  async run(from: number, count: number): Promise<StepReport[]> {
    const { accumulate } = this.step;
    const end = (from + count) * accumulate;
    const batches: Reports[] = [];
    for (let first = from * accumulate; first < end; first += this.program.stepsAtOnce) {
      const few = Math.min(this.program.stepsAtOnce, end - first);
      batches.push(...(await this.program.run(few, (i) => this.feeds(first + i))));
    }
    return Array.from({ length: count }, (_, i) => reportOf(batches.slice(i * accumulate, (i + 1) * accumulate)));
  }

  private async feeds(batch: number): Promise<Feeds> {
    const { accumulate } = this.step;
    const feeds: Record<string, Feed> = { ...(await this.step.feeds(batch)) };
    const last = (batch + 1) % accumulate === 0;
    for (const [name, value] of Object.entries(this.scalarsAt(Math.floor(batch / accumulate), last))) {
      feeds[SCALAR + name] = { shape: [], data: Float32Array.of(value) };
    }
    return feeds;
  }

  /** Brings the arrays of parameters, optimizer and average up to date. */
  read(): Promise<void> {
    return this.program.read();
  }

  dispose(): Promise<void> {
    return this.program.dispose();
  }
}

/** The report of a step, from those of its batches. */
function reportOf(batches: readonly Reports[]): StepReport {
  const { [NORM]: norm, [HELD_BACK]: heldBack, ...losses } = batches.at(-1)!;
  const mean = (name: string) => batches.reduce((sum, report) => sum + report[name]!.data[0]! / batches.length, 0);
  return {
    losses: Object.fromEntries(Object.keys(losses).map((name) => [name, mean(name)])),
    gradientNorm: norm!.data[0]!,
    heldBack: heldBack?.data[0] === 1,
  };
}
