/** Learning rate of a step, counted from 0. */
export type Schedule = (step: number) => number;

/** Options of a learning rate's schedule. */
export interface ScheduleOptions {
  /** Peak learning rate. */
  readonly peak: number;
  /** All steps, warm-up included. */
  readonly steps: number;
  readonly warmupSteps?: number;
  /** Where the cosine ends, as an absolute rate; 0 by default. */
  readonly floor?: number;
}

/**
 * Warm-up, then half a cosine (Loshchilov & Hutter 2017).
 *
 * Linear warm-up gives peak · (s + 1) / w at step s < w, so that the first step already learns. Then
 * floor + (peak − floor) · (1 + cos(π (s − w) / (S − w))) / 2.
 */
export function warmupCosine(options: ScheduleOptions): Schedule {
  const { peak, steps, floor = 0 } = options;
  const warmup = Math.min(options.warmupSteps ?? 0, steps);
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / warmup;
    const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
    return floor + ((peak - floor) * (1 + Math.cos(Math.PI * progress))) / 2;
  };
}

/**
 * A rate an epoch, as CoOp's successors train (PromptSRC, PromptKD): the first epoch at `first`, then half a cosine that
 * begins behind it at the peak and is as long as all epochs, so that it ends one epoch short of where it would be lowest:
 *
 *     epoch 0: first,  epoch e ≥ 1: peak · (1 + cos(π (e − 1) / epochs)) / 2
 *
 * That is PyTorch's `CosineAnnealingLR(T_max = epochs)`, stepped once an epoch behind one of constant warm-up.
 */
export function epochCosine(options: {
  readonly peak: number;
  /** Rate of the first epoch. */
  readonly first: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
}): Schedule {
  const { peak, first, epochs, stepsPerEpoch } = options;
  return (step) => {
    const epoch = Math.floor(step / stepsPerEpoch);
    return epoch === 0 ? first : (peak * (1 + Math.cos((Math.PI * (epoch - 1)) / epochs))) / 2;
  };
}

/** The same rate at every step, after an optional linear warm-up. */
export function warmupConstant(options: { readonly peak: number; readonly warmupSteps?: number }): Schedule {
  const warmup = options.warmupSteps ?? 0;
  return (step) => (step < warmup ? (options.peak * (step + 1)) / warmup : options.peak);
}
