import { gradientNorm, scaleInto } from './coordinate.js';
import { averageInto } from './moving-average.js';
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

/**
 * Where the parameters are kept on the device, whole steps run there; otherwise gradients come here and arrays are updated in
 * place.
 */
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
        if (clipNorm !== undefined && norm > clipNorm) {
          for (const g of Object.values(gradients)) scaleInto(g, clipNorm / norm, g);
        }
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
