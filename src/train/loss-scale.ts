import type { Params } from '../nn/index.js';
import type { Precision } from '../tensor/index.js';
import { add, div, grad, greater, input, maximum, mul, type Tensor, where } from '../tensor/index.js';

/** Updates without overflow after which the scale is doubled (PyTorch's GradScaler). */
const patience = 2000;

const SCALE = 'loss_scale';
const STREAK = 'loss_scale/streak';
const SKIPPED = 'loss_scale/skipped_steps';

/**
 * Dynamic loss scaling (Micikevicius et al., arXiv 1710.03740, section 3.2): the loss is multiplied before the backward
 * pass, so that small gradients do not vanish in fp16, and the gradients are divided by the same number in fp32 after it.
 * A step whose gradients overflow is skipped and the scale halved; after 2,000 updates without, it is doubled.
 */
export class LossScale {
  /** The scale, updates since its last change, and steps skipped over the whole run. */
  private readonly values: Float32Array;

  constructor(start = 2 ** 16) {
    this.values = Float32Array.of(start, 0, 0);
  }

  get value(): number {
    return this.values[0]!;
  }

  /** Skipped steps: for the optimizer they never were. */
  get skippedSteps(): number {
    return this.values[2]!;
  }

  /** What a program with {@link gradients} is fed. Live. */
  get feeds(): Params {
    return { [SCALE]: { shape: [], data: this.values.subarray(0, 1) } };
  }

  /** What a run that is resumed goes on from. Live. */
  get state(): Params {
    return { [SCALE]: { shape: [3], data: this.values } };
  }

  /** What a graph that settles the scale itself carries from step to step, by input name. Live. */
  get carried(): Params {
    const scalar = (i: number) => ({ shape: [], data: this.values.subarray(i, i + 1) });
    return { ...this.feeds, [STREAK]: scalar(1), [SKIPPED]: scalar(2) };
  }

  /** ∂loss/∂w of each w, through a scaled backward pass. */
  gradients(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
    const scale = this.symbol;
    return grad(mul(loss, scale), wrt).map((g) => div(g, scale));
  }

  /** One symbol for all losses of a program. */
  readonly symbol = input(SCALE, []);

  /**
   * Adapts the scale to whether the gradients came out finite.
   * @returns whether they are to be used; at a scale of 1 an overflow is no longer the scale's, and the step is not skipped
   */
  settle(finite: boolean): boolean {
    const [scale, streak, skipped] = this.values as unknown as [number, number, number];
    if (!finite) {
      if (scale <= 1) return true;
      this.values.set([Math.max(1, scale / 2), 0, skipped + 1]);
      return false;
    }
    const grown = streak + 1 >= patience;
    this.values.set(grown ? [scale * 2, 0] : [scale, streak + 1]);
    return true;
  }

  /**
   * {@link settle} as a graph: the new values of what is {@link carried}.
   *
   * @param last a scalar that is false where more gradients are added to these first: all is then carried on as it is
   */
  settled(finite: Tensor, last?: Tensor): Record<string, Tensor> {
    const scale = this.symbol;
    const before = input(STREAK, []);
    const streak = add(before, 1);
    const patient = greater(streak, patience - 1);
    const or = (now: Tensor, before: Tensor) => (last ? where(last, now, before) : now);
    return {
      [SCALE]: or(where(finite, where(patient, mul(scale, 2), scale), maximum(mul(scale, 0.5), 1)), scale),
      [STREAK]: or(where(finite, where(patient, 0, streak), 0), before),
      [SKIPPED]: or(add(this.tracedSkippedSteps, this.skipped(finite)), this.tracedSkippedSteps),
    };
  }

  /** Whether a step is skipped, 1 or 0, as a graph: at a scale of 1 an overflow is no longer the scale's. */
  skipped(finite: Tensor): Tensor {
    return where(finite, 0, where(greater(this.symbol, 1), 1, 0));
  }

  /** {@link skippedSteps} before a step as a graph. */
  readonly tracedSkippedSteps = input(SKIPPED, []);
}

/** A loss scale where the precision needs one. @param start the first scale */
export function lossScaleFor(precision: Precision | undefined, start?: number): LossScale | undefined {
  return precision === 'mixed' ? new LossScale(start) : undefined;
}
