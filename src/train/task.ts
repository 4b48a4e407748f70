import type { Params } from '../nn/index.js';
import type { LossScale } from './loss-scale.js';
import type { TracedStep } from './traced-step.js';

/** What one training step gives back. */
export interface StepResult {
  /** Loss components and other figures to report; `total`, where present, is the one that is minimised. */
  readonly losses: Record<string, number>;
  /** Gradients by parameter name. A parameter without one is left as it is. The next step may reuse the arrays. */
  readonly gradients: Record<string, Float32Array>;
}

/**
 * What is trained: a task owns its models and its losses, the loop (`train`) owns the optimizer,
 * the clock and the checkpoints and knows nothing of CLIP.
 *
 * For a run that stops and resumes to end with the same bits, `step(n)` may depend on nothing but
 * `n`, the parameters and what `state` returns.
 */
export interface Task {
  /** Trainable arrays, flat; updated in place, so a program that is fed them sees the new values. */
  readonly params: Params;
  /** For the report of images a second. */
  readonly imagesPerStep: number;
  /** Losses and gradients of step `step` (from 0) at the present parameters. */
  step(step: number): Promise<StepResult>;
  /** The step as a graph, where the device keeps the parameters: the loop runs that, and `step` is not to be called. */
  readonly traced?: TracedStep;
  /** Live arrays to save beside the parameters, such as batch-norm statistics; a resume writes into them. */
  state?(): Params;
  /** Of a task in mixed precision: the loop leaves out updates whose gradients overflowed, and keeps it with the state. */
  readonly lossScale?: LossScale;
  /** Called after every step, of an update left out too, e.g. to keep a parameter inside its bounds. */
  constrain?(): void;
}
