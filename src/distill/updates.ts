import type { Params } from '../nn/index.js';
import { gradientNorm } from './coordinate.js';
import type { Task } from './task.js';
import { compileTracedStep, type StepReport, type TracedUpdateOptions } from './traced-step.js';

export type UpdateOptions = Omit<TracedUpdateOptions, 'lossScale'>;

/** A task's updates, one after another. */
export interface Updates {
  /** Updates that are best done at once. */
  readonly stepsAtOnce: number;
  /** The updates `from` … `from + count − 1`. */
  run(from: number, count: number): Promise<StepReport[]>;
  /** Brings the arrays of parameters, optimizer and average up to date. */
  read(): Promise<void>;
  dispose(): Promise<void>;
}

/** Where the parameters are kept on the device, whole steps run there; otherwise gradients come here and arrays are updated in place. */
export async function updatesOf(task: Task, options: UpdateOptions): Promise<Updates> {
  const { traced, params, lossScale } = task;
  return traced ? compileTracedStep(traced, params, { ...options, lossScale }) : hostUpdates(task, options);
}

function hostUpdates(task: Task, { optimizer, learningRate, clipNorm, average }: UpdateOptions): Updates {
  return {
    stepsAtOnce: 1,
    async run(step) {
      const { losses, gradients } = await task.step(step);
      const norm = gradientNorm(gradients);
      const heldBack = task.lossScale?.settle(Number.isFinite(norm)) === false;
      if (!heldBack) {
        if (clipNorm !== undefined && norm > clipNorm) scaleAll(gradients, clipNorm / norm);
        optimizer.update(gradients, learningRate(step), step - (task.lossScale?.leftOut ?? 0));
      }
      task.constrain?.();
      if (average && !heldBack) averageInto(average.params, task.params, average.keep(step));
      return [{ losses, gradientNorm: norm, heldBack }];
    },
    async read() {},
    async dispose() {},
  };
}

function scaleAll(gradients: Record<string, Float32Array>, factor: number): void {
  for (const g of Object.values(gradients)) for (let i = 0; i < g.length; i++) g[i] = g[i]! * factor;
}

/** @internal Exponential moving average: a ← keep · a + (1 − keep) · θ, in place. */
export function averageInto(average: Params, params: Params, keep: number): void {
  for (const [name, { data }] of Object.entries(params)) {
    const target = average[name]!.data;
    for (let i = 0; i < target.length; i++) target[i] = keep * target[i]! + (1 - keep) * data[i]!;
  }
}
