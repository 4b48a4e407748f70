import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { elements, type HostTensor, type Stage, stagesOf, toOnnx } from '../../tensor/index.js';
import type { Device } from '../device.js';
import type { Feed } from '../ort-tensor.js';
import type { CompileOptions, ProgramInput, Runnable, TracedProgram } from '../program.js';
import { ProcessSum } from './process-sum.js';
import { rankDevices, rankError } from './rank-devices.js';
import { RankSum, sharedBytes } from './rank-sum.js';
import { joinShards, shardOf } from './shard.js';

/** @internal One stage as a worker runs it. */
export interface StagePlan {
  readonly bytes: Uint8Array;
  readonly sums: Stage['sums'];
  /** Values that no later stage needs. */
  readonly drop: readonly string[];
}

/** @internal What a rank's worker starts with. */
export interface RankSetup {
  readonly rank: number;
  readonly ranks: number;
  readonly stages: readonly StagePlan[];
  /** The rank's part of the inputs that never change. */
  readonly fixed: Readonly<Record<string, Feed>>;
  /** Names of the values that it gives back. */
  readonly results: readonly string[];
  readonly shared: SharedArrayBuffer;
  /** For sums over the processes that train together. */
  readonly outer: SharedArrayBuffer;
  readonly device: Device;
  readonly deviceId: number | undefined;
  readonly threads: number;
}

/** Along which axis an input or output is split over the ranks, by name; undefined for one that every rank has whole. */
export type ShardAxis = (name: string) => number | undefined;

/**
 * A graph with sums over ranks, run by as many workers, each with its own sessions and its part of the split parameters.
 * It is fed and gives back whole arrays: parts are cut out and put together here. Where several processes train together, each has
 * such workers; what the processes add up, all its ranks have alike, and this thread adds it for them.
 */
export class ParallelProgram implements Runnable {
  private constructor(
    private readonly workers: readonly Worker[],
    private readonly shared: SharedArrayBuffer,
    private readonly outer: SharedArrayBuffer,
    private readonly axis: ShardAxis,
    readonly inputs: readonly ProgramInput[],
    private readonly results: Readonly<Record<string, string>>,
    private readonly into: Readonly<Record<string, Float32Array>>,
    readonly device: Device,
  ) {}

  static async create(
    { outputs, into = {} }: TracedProgram,
    axis: ShardAxis,
    ranks: number,
    options: CompileOptions,
  ): Promise<ParallelProgram> {
    const { device = 'cpu', precision } = options;
    const held = options.fixed ?? {};
    const { stages, results } = stagesOf(outputs);
    const inputs = new Map<string, ProgramInput>();
    const models = stages.map((stage) => {
      const model = toOnnx({ outputs: stage.outputs, given: stage.given, fused: device !== 'webgpu', precision });
      for (const t of model.inputs) {
        const name = t.name!;
        if (!held[name]) inputs.set(name, { name, shape: t.sizes(`program input ${name}`), dtype: t.dtype });
      }
      return {
        bytes: model.bytes,
        needs: [...model.inputs.map((t) => t.name!), ...model.given.map(({ name }) => name)],
      };
    });
    const needed = new Set(models.flatMap(({ needs }) => needs));
    const kept = Object.values(results);
    const plans = stages.map(({ outputs: made, sums }, i): StagePlan => {
      const later = new Set([...models.slice(i + 1).flatMap(({ needs }) => needs), ...kept]);
      const present = [...models[i]!.needs, ...Object.keys(made), ...sums.map(({ to }) => to)];
      return { bytes: models[i]!.bytes, sums, drop: present.filter((name) => !later.has(name)) };
    });
    const longest = (which: 'ranks' | 'processes') =>
      Math.max(
        0,
        ...stages.flatMap(({ sums, outputs: made }) =>
          sums.flatMap(({ from, over }) => (over === which ? [elements(made[from]!.sizes('a sum'))] : [])),
        ),
      );
    const deviceIds = rankDevices(device, ranks);
    const shared = new SharedArrayBuffer(sharedBytes(longest('ranks'), ranks));
    const outer = new SharedArrayBuffer(ProcessSum.bytes(longest('processes')));
    const threads = options.threads ?? Math.max(1, Math.floor(availableParallelism() / ranks));
    const workers = Array.from({ length: ranks }, (_, rank) => {
      const fixed = Object.fromEntries(
        Object.entries(held).flatMap(([name, host]) =>
          needed.has(name) ? [[name, partOf(name, host, axis, rank, ranks)]] : [],
        ),
      );
      // Of what every rank has whole, the first one's is given back.
      const own = Object.entries(results).flatMap(([name, value]) =>
        rank === 0 || axis(name) !== undefined ? [value] : [],
      );
      const workerData: RankSetup = {
        ...{ rank, ranks, stages: plans, fixed, results: [...new Set(own)], shared, outer, device, threads },
        deviceId: deviceIds[rank],
      };
      return new Worker(new URL('./rank-worker.js', import.meta.url), {
        workerData,
        transferList: cutOut(fixed, axis),
      });
    });
    try {
      await Promise.all(
        workers.map((worker, rank) =>
          answer(worker).catch((error: unknown) => {
            throw rankError(device, rank, ranks, error);
          }),
        ),
      );
    } catch (error) {
      await close(workers);
      throw error;
    }
    if (options.group) ProcessSum.serve(workers, outer, options.group);
    return new ParallelProgram(workers, shared, outer, axis, [...inputs.values()], results, into, device);
  }

  async run(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, HostTensor>> {
    const ranks = this.workers.length;
    const answers = this.workers.map((worker, rank) => {
      const own: Record<string, Feed> = {};
      for (const { name, shape } of this.inputs) {
        const feed = feeds[name];
        if (!feed) throw new Error(`ParallelProgram.run: input ${name} [${shape.join(', ')}] is missing`);
        own[name] = partOf(name, feed, this.axis, rank, ranks);
        if (own[name].data.length !== elements(shape)) {
          throw new Error(
            `ParallelProgram.run: input ${name} expects [${shape.join(', ')}] a rank, got [${own[name].shape.join(', ')}]`,
          );
        }
      }
      const answered = answer(worker);
      worker.postMessage(own, cutOut(own, this.axis));
      return answered;
    });
    let parts: { results?: Record<string, HostTensor> }[];
    try {
      parts = await Promise.all(answers);
    } catch (error) {
      // The others may wait for a sum that will not come.
      RankSum.abandon(this.shared);
      ProcessSum.abandon(this.outer);
      await Promise.allSettled(answers);
      await this.dispose();
      throw error;
    }
    return Object.fromEntries(
      Object.entries(this.results).map(([name, value]) => {
        const axis = this.axis(name);
        const own = parts.map(({ results }) => results![value]!);
        const into = this.into[name];
        if (axis !== undefined) return [name, joinShards(own, axis, into)];
        const [first] = own as [HostTensor];
        if (!into) return [name, first];
        into.set(first.data);
        return [name, { shape: first.shape, data: into }];
      }),
    );
  }

  async dispose(): Promise<void> {
    await close(this.workers);
  }
}

/** Asks the workers to end, and waits until they have. */
async function close(workers: readonly Worker[]): Promise<void> {
  await Promise.all(
    workers
      .filter(({ threadId }) => threadId !== -1) // not those that an error has ended
      .map((worker) => {
        const ended = new Promise((resolve) => worker.once('exit', resolve));
        worker.postMessage('close');
        return ended;
      }),
  );
}

function partOf(name: string, whole: Feed, axis: ShardAxis, rank: number, ranks: number): Feed {
  const split = axis(name);
  return split === undefined ? whole : shardOf(whole as HostTensor, split, rank, ranks); // parameters alone are split
}

/** The memory of what was cut out for one rank, which it may have as it is. */
function cutOut(parts: Readonly<Record<string, Feed>>, axis: ShardAxis): ArrayBuffer[] {
  return Object.entries(parts).flatMap(([name, { data }]) =>
    axis(name) === undefined ? [] : [data.buffer as ArrayBuffer],
  );
}

/** The next message of a worker. */
function answer(worker: Worker): Promise<{ results?: Record<string, HostTensor> }> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      worker.off('message', onMessage);
      worker.off('error', onError);
    };
    const onError = (error: Error) => {
      settle();
      reject(error);
    };
    const onMessage = (message: { error?: string; results?: Record<string, HostTensor>; adds?: number }) => {
      if (message.adds !== undefined) return; // a sum on the way: see ProcessSum
      settle();
      if (message.error === undefined) resolve(message);
      else reject(new Error(message.error));
    };
    worker.on('message', onMessage);
    worker.on('error', onError);
  });
}
