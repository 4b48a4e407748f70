/** Learning rate of a step, counted from 0. */
export type Schedule = (step: number) => number;

export interface ScheduleOptions {
  /** Peak learning rate. */
  readonly peak: number;
  /** All steps, warm-up included. */
  readonly steps: number;
  readonly warmupSteps?: number;
  /** Where the cosine ends, as an absolute rate; 0 by default. */
  readonly floor?: number;
  /** Warm-up at this constant rate instead of a linear rise (PromptKD, CVPR 2024, uses 1e-5). */
  readonly constantWarmup?: number;
}

/**
 * Warm-up, then half a cosine (Loshchilov & Hutter 2017).
 *
 * Linear warm-up gives peak · (s + 1) / w at step s < w, so that the first step already learns. Then
 * floor + (peak − floor) · (1 + cos(π (s − w) / (S − w))) / 2.
 */
export function warmupCosine(options: ScheduleOptions): Schedule {
  const { peak, steps, floor = 0, constantWarmup } = options;
  const warmup = Math.min(options.warmupSteps ?? 0, steps);
  return (step) => {
    if (step < warmup) return constantWarmup ?? (peak * (step + 1)) / warmup;
    const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
    return floor + ((peak - floor) * (1 + Math.cos(Math.PI * progress))) / 2;
  };
}

/** The same rate at every step, after an optional linear warm-up. */
export function warmupConstant(options: { readonly peak: number; readonly warmupSteps?: number }): Schedule {
  const warmup = options.warmupSteps ?? 0;
  return (step) => (step < warmup ? (options.peak * (step + 1)) / warmup : options.peak);
}
