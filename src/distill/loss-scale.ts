import type { Params } from '../nn/index.js';
import type { Precision } from '../runtime/index.js';
import { div, grad, input, mul, type Tensor } from '../tensor/index.js';

/** Updates without overflow after which the scale is doubled (PyTorch's GradScaler). */
const patience = 2000;

/**
 * Dynamic loss scaling (Micikevicius et al., arXiv 1710.03740, section 3.2): the loss is multiplied before the backward
 * pass, so that small gradients do not vanish in fp16, and the gradients are divided by the same number in fp32 after it.
 * Where they overflow, the update is left out and the scale halved; after 2,000 updates without, it is doubled.
 */
export class LossScale {
  /** The scale, and updates since its last change. */
  private readonly values: Float32Array;

  constructor(start = 2 ** 16) {
    this.values = Float32Array.of(start, 0);
  }

  get value(): number {
    return this.values[0]!;
  }

  /** What a program with {@link gradients} is fed. Live. */
  get feeds(): Params {
    return { loss_scale: { shape: [], data: this.values.subarray(0, 1) } };
  }

  /** What a run that is resumed goes on from. Live. */
  get state(): Params {
    return { loss_scale: { shape: [2], data: this.values } };
  }

  /** ∂loss/∂w of each w, through a scaled backward pass. */
  gradients(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
    const scale = this.symbol;
    return grad(mul(loss, scale), wrt).map((g) => div(g, scale));
  }

  /** One symbol for all losses of a program. */
  private readonly symbol = input('loss_scale', []);

  /**
   * Adapts the scale to whether the gradients came out finite.
   * @returns whether they are to be used; at a scale of 1 an overflow is no longer the scale's, and they are not held back
   */
  settle(finite: boolean): boolean {
    const [scale, streak] = this.values as unknown as [number, number];
    if (!finite) {
      if (scale <= 1) return true;
      this.values.set([Math.max(1, scale / 2), 0]);
      return false;
    }
    const grown = streak + 1 >= patience;
    this.values.set(grown ? [scale * 2, 0] : [scale, streak + 1]);
    return true;
  }
}

/** A loss scale where the precision needs one. */
export function lossScaleFor(precision: Precision | undefined): LossScale | undefined {
  return precision === 'mixed' ? new LossScale() : undefined;
}

/** ∂loss/∂w of each w, scaled where there is a scale. */
export function scaledGradients(loss: Tensor, wrt: readonly Tensor[], scale: LossScale | undefined): Tensor[] {
  return scale ? scale.gradients(loss, wrt) : grad(loss, wrt);
}
