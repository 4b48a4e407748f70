import type { Params } from '../nn/index.js';
import { gradientNorm } from './coordinate.js';
import type { Optimizer } from './optimizer.js';
import type { Task } from './task.js';
import { compileTracedStep, type StepReport } from './traced-step.js';

export interface UpdateOptions {
  readonly optimizer: Optimizer;
  readonly learningRate: (step: number) => number;
  /** Largest norm of all gradients together. */
  readonly clipNorm?: number;
  /** Averaged parameters, updated in place, and their decay. */
  readonly average?: { readonly params: Params; readonly decay: number };
}

/** A task's updates, one after another. */
export interface Updates {
  /** Updates that are best done at once. */
  readonly atOnce: number;
  advance(from: number, count: number): Promise<StepReport[]>;
  /** Brings the arrays of parameters, optimizer and average up to date. */
  read(): Promise<void>;
  dispose(): Promise<void>;
}

/** Where the parameters are kept on the device, whole steps run there; otherwise gradients come here and arrays are updated in place. */
export async function updatesOf(task: Task, options: UpdateOptions): Promise<Updates> {
  return task.traced ? deviceUpdates(task, options) : hostUpdates(task, options);
}

function hostUpdates(task: Task, { optimizer, learningRate, clipNorm, average }: UpdateOptions): Updates {
  return {
    atOnce: 1,
    async advance(step) {
      const { losses, gradients } = await task.step(step);
      const norm = gradientNorm(gradients);
      const heldBack = task.lossScale?.settle(Number.isFinite(norm)) === false;
      if (!heldBack) {
        if (clipNorm !== undefined && norm > clipNorm) scaleAll(gradients, clipNorm / norm);
        optimizer.update(gradients, learningRate(step), step);
        task.constrain?.();
        if (average) averageInto(average.params, task.params, keepAt(step, average.decay));
      }
      return [{ losses, gradientNorm: norm, heldBack }];
    },
    async read() {},
    async dispose() {},
  };
}

async function deviceUpdates(task: Task, { average, ...options }: UpdateOptions): Promise<Updates> {
  const program = await compileTracedStep(task.traced!, task.params, {
    ...options,
    lossScale: task.lossScale,
    ...(average && { average: { params: average.params, keep: (step) => keepAt(step, average.decay) } }),
  });
  return {
    atOnce: program.stepsAtOnce,
    advance: (from, count) => program.run(from, count),
    read: () => program.read(),
    dispose: () => program.dispose(),
  };
}

/** The average's own share; early on it follows quickly, so that the random start does not linger. */
function keepAt(step: number, decay: number): number {
  return Math.min(decay, (1 + step) / (10 + step));
}

function scaleAll(gradients: Record<string, Float32Array>, factor: number): void {
  for (const g of Object.values(gradients)) for (let i = 0; i < g.length; i++) g[i] = g[i]! * factor;
}

/** Exponential moving average. */
function averageInto(average: Params, params: Params, keep: number): void {
  for (const [name, { data }] of Object.entries(params)) {
    const target = average[name]!.data;
    for (let i = 0; i < target.length; i++) target[i] = keep * target[i]! + (1 - keep) * data[i]!;
  }
}
