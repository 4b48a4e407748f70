import type { Params } from '../nn/index.js';
import { compileResident, type Feed, type Feeds, type Reports, type Resident } from '../runtime/index.js';
import {
  add,
  div,
  elements,
  greater,
  type HostTensor,
  input,
  minimum,
  sub,
  type Tensor,
  where,
} from '../tensor/index.js';
import { coordinated, tracedClip, tracedNorm } from './coordinate.js';
import type { Executor, ExecutorOptions, StepReport } from './executor.js';
import { groupGradients, type TracedGradients } from './group-gradients.js';
import { averageOf } from './moving-average.js';
import type { Task } from './task.js';
import { AVERAGE, packGradients, packsOf } from './update-packs.js';

const NORM = 'update/norm';
const SKIPPED = 'update/skipped';
const LOSS_SCALE = 'update/loss_scale';
const SCALAR = 'update/';
const SUM = 'sum/';

/** What a step is fed beside the task's own inputs. `last`: whether a batch is its step's last one. */
type ScalarsAt = (step: number, last: boolean) => Record<string, number>;

/**
 * Updates on a device that keeps the parameters: the whole of a training step as one graph that is carried on from step to
 * step, with gradients, their norm and its limit, the optimizer's update, bounds and the average.
 *
 * Of a step of several batches it is run for each, with the sum of gradients carried on, too: before the last batch the
 * update is computed and not taken. That is some passes over the parameters; a second graph, without it, could not share
 * the state on CUDA.
 */
export class ResidentExecutor implements Executor {
  private constructor(
    private readonly program: Resident,
    private readonly task: Task,
    private readonly batches: number,
    private readonly scalarsAt: ScalarsAt,
  ) {}

  static async open(task: Task, options: ExecutorOptions): Promise<ResidentExecutor> {
    const { accumulate = 1, compile = {}, learningRate, average } = options;
    const scalarsAt: ScalarsAt = (at, last) => ({
      rate: learningRate(at),
      step: at,
      ...(average ? { keep: average.keep(at) } : {}),
      ...(accumulate > 1 ? { last: Number(last) } : {}),
    });
    const names = Object.keys(scalarsAt(0, true));
    const scalars = Object.fromEntries(names.map((name) => [name, input(SCALAR + name, [])]));
    const { graph, start, fixed } = traceStep(task, options, scalars);
    const program = await compileResident(graph, start, { ...compile, fixed });
    return new ResidentExecutor(program, task, accumulate, scalarsAt);
  }

  get stepsAtOnce(): number {
    return Math.max(1, Math.floor(this.program.stepsAtOnce / this.batches));
  }

  async run(from: number, count: number): Promise<StepReport[]> {
    const { batches } = this;
    const end = (from + count) * batches;
    const reports: Reports[] = [];
    for (let first = from * batches; first < end; first += this.program.stepsAtOnce) {
      const few = Math.min(this.program.stepsAtOnce, end - first);
      reports.push(...(await this.program.run(few, (i) => this.feeds(first + i))));
    }
    const images = batches * this.task.imagesPerBatch;
    return Array.from({ length: count }, (_, i) => reportOf(reports.slice(i * batches, (i + 1) * batches), images));
  }

  private async feeds(batch: number): Promise<Feeds> {
    const { batches } = this;
    const feeds: Record<string, Feed> = { ...(await this.task.feeds(batch)) };
    const last = (batch + 1) % batches === 0;
    for (const [name, value] of Object.entries(this.scalarsAt(Math.floor(batch / batches), last))) {
      feeds[SCALAR + name] = { shape: [], data: Float32Array.of(value) };
    }
    return feeds;
  }

  read(): Promise<void> {
    return this.program.read();
  }

  dispose(): Promise<void> {
    return this.program.dispose();
  }
}

/** The graph of a step, the state that it starts from, and the inputs that never change. */
function traceStep(
  task: Task,
  { optimizer, clipNorm, lossScale, average, accumulate = 1 }: ExecutorOptions,
  scalars: Readonly<Record<string, Tensor>>,
) {
  const { params, parameters, carried = {} } = task;
  const last = scalars.last && greater(scalars.last, 0);
  const groups = groupGradients(task, lossScale);
  const packs = packsOf(task, Object.values(groups), optimizer, average !== undefined);
  const sums: Params = {};
  const after: Record<string, Tensor> = {};
  const means = (group: string, gradients: TracedGradients): TracedGradients =>
    Object.fromEntries(
      Object.entries(packGradients(packs, gradients)).map(([name, gradient]) => {
        if (!last) return [name, gradient];
        const shape = gradient.sizes(`gradient ${name}`);
        const before = input(`${SUM}${group}/${name}`, shape);
        const sum = add(before, div(gradient, accumulate));
        sums[before.name!] = { shape, data: new Float32Array(elements(shape)) };
        after[before.name!] = where(last, 0, sum);
        return [name, sum];
      }),
    );
  const gradients = coordinated(task.groups.map(({ name, clip }) => ({ gradients: means(name, groups[name]!), clip })));
  const norm = tracedNorm(gradients);
  const clipped = tracedClip(gradients, clipNorm, norm);

  // A step whose gradients overflowed is skipped. NaN is not below infinity either.
  const finite = lossScale && greater(Number.POSITIVE_INFINITY, norm);
  const applies = finite && scalars.last ? greater(where(finite, scalars.last, 0), 0) : (finite ?? last);
  const done = lossScale ? sub(scalars.step!, lossScale.tracedSkippedSteps) : scalars.step!;
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
  // The EMA of a frozen parameter still converges to it.
  const moving = new Set(packs.flatMap(({ members }) => members));
  for (const [name, parameter] of Object.entries(average ? parameters : {})) {
    if (moving.has(name)) continue;
    after[AVERAGE + name] = averageOf(input(AVERAGE + name, parameter.shape), parameter, keep!);
  }
  for (const [name, array] of Object.entries(carried)) after[name] = array.after;
  const reports: Record<string, Tensor> = { ...task.losses, [NORM]: norm };
  if (lossScale && finite) {
    Object.assign(after, lossScale.settled(finite, last));
    reports[SKIPPED] = lossScale.skipped(finite);
    reports[LOSS_SCALE] = add(lossScale.symbol, 0);
  }

  const held = packs.flatMap(({ arrays }) => arrays);
  const arrays: Record<string, HostTensor> = { ...params, ...optimizer.state(), ...lossScale?.carried, ...sums };
  for (const [name, tensor] of Object.entries(average?.params ?? {})) arrays[AVERAGE + name] = tensor;
  for (const [name, { array }] of Object.entries(carried)) arrays[name] = array;
  const inPacks = held.flatMap(({ members }) => members.map(({ name }) => name!));
  const wholes = new Set(held.map(({ whole }) => whole.name!));
  const state = [...inPacks, ...Object.keys(after).filter((name) => !wholes.has(name))];
  const start = Object.fromEntries(state.map((name) => [name, arrays[name]!]));
  // A parameter whose rate is 0 is frozen, too.
  const fixed = Object.fromEntries(Object.entries({ ...task.frozen, ...params }).filter(([name]) => !(name in start)));
  return { graph: { reports, state: after, packs: held }, start, fixed };
}

/** The report of a step, from those of its batches. */
function reportOf(batches: readonly Reports[], images: number): StepReport {
  const { [NORM]: norm, [SKIPPED]: skipped, [LOSS_SCALE]: scale, ...losses } = batches.at(-1)!;
  const mean = (name: string) => batches.reduce((sum, report) => sum + report[name]!.data[0]! / batches.length, 0);
  return {
    losses: Object.fromEntries(Object.keys(losses).map((name) => [name, mean(name)])),
    gradientNorm: norm!.data[0]!,
    skipped: skipped?.data[0] === 1,
    images,
    ...(scale && { lossScale: scale.data[0]! }),
  };
}
