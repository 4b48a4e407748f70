import type { Params } from '../nn/index.js';
import { HostExecutor } from './host-executor.js';
import type { LossScale } from './loss-scale.js';
import type { Optimizer } from './optimizer.js';
import type { StepGradients, StepGradientsOptions } from './step-gradients.js';
import type { Task } from './task.js';

/** What one update reported. */
export interface StepReport {
  /** Means over the step's batches. */
  readonly losses: Readonly<Record<string, number>>;
  /** Of all gradients together, before the last clipping. */
  readonly gradientNorm: number;
  /** Gradients overflowed in mixed precision: nothing was updated. */
  readonly skipped: boolean;
  /** Images in the step's batches. */
  readonly images: number;
  /** What the losses were multiplied by, in mixed precision. */
  readonly lossScale?: number;
}

/** A task's updates, one after another. */
export interface Executor {
  /** Updates that are best done at once. */
  readonly stepsAtOnce: number;
  /** The updates `from` … `from + count − 1`. */
  run(from: number, count: number): Promise<StepReport[]>;
  /** Brings the arrays of parameters, optimizer, average and whatever else the task carries up to date. */
  read(): Promise<void>;
  dispose(): Promise<void>;
}

/** How a step is computed, whatever is trained. */
export interface ComputeOptions extends Omit<StepGradientsOptions, 'lossScale'> {
  /**
   * Whether parameters stay on the device from step to step.
   * @defaultValue where the device has a memory of its own and holds the whole of them
   */
  readonly resident?: boolean;
  /**
   * For training over several processes: replaces a step's losses, gradients and images, in place, by those of all processes
   * together. It is called with each group's gradients in one flat array, after the batches of the step are averaged and
   * before anything is clipped, so that it is as if one process had seen all the images. Gradients come to the host then.
   * @defaultValue their sums over `compile.group`, whose tasks compute shares
   */
  readonly reduce?: (step: StepGradients) => void | Promise<void>;
}

/** Options of {@link openExecutor}. */
export interface ExecutorOptions extends ComputeOptions {
  /** Made for the task's parameters. */
  readonly optimizer: Optimizer;
  readonly learningRate: (step: number) => number;
  /** Largest norm of all gradients together. */
  readonly clipNorm?: number;
  /** Given where gradients may overflow: such an update is skipped. */
  readonly lossScale?: LossScale;
  /** Live arrays of the averaged parameters, and the share of the old average that is kept at a step. */
  readonly average?: { readonly params: Params; readonly keep: (step: number) => number };
}

/**
 * Compiles a task's updates: on a device with a memory of its own the whole of a step runs there and parameters stay;
 * otherwise gradients come to the host, and arrays are updated in place.
 *
 * @throws where parameters are to stay on the device and the task, or a reduction, needs the host
 */
export async function openExecutor(task: Task, options: ExecutorOptions): Promise<Executor> {
  const { compile = {}, reduce } = options;
  const ranks = task.split?.ranks ?? 1;
  if (compile.ranks !== undefined && compile.ranks !== ranks) {
    throw new Error(`openExecutor: the task is split over ${ranks} ranks, the options say ${compile.ranks}`);
  }
  const onHost = ranks > 1 || reduce !== undefined || task.fedAs !== undefined;
  const { resident = !onHost && (compile.device ?? 'cpu') !== 'cpu' } = options;
  if (!resident) return HostExecutor.open(task, options);
  if (onHost) throw new Error('openExecutor: ranks, reduce and fedAs need the parameters on the host');
  const { ResidentExecutor } = await import('./resident-executor.js');
  return ResidentExecutor.open(task, options);
}
