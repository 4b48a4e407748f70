import type { Params } from '../nn/index.js';
import {
  add,
  cast,
  constant,
  div,
  gather,
  minimum,
  mul,
  type Operand,
  reshape,
  sqrt,
  square,
  sub,
  type Tensor,
} from '../tensor/index.js';
import { applied, decaysByDefault, type Optimizer, optimizerOf, type ParameterRules } from './optimizer.js';

/** Options of {@link adamw}. */
export interface AdamWOptions extends ParameterRules {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
}

/**
 * AdamW, Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), with PyTorch's arithmetic order.
 *
 *     θ ← (1 − η λ) θ;  m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²
 *     θ ← θ − η m̂ / (√v̂ + ε)    with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ)
 *
 * Defaults: β = (0.9, 0.999), ε = 1e-8, λ = 0.01 on matrices only.
 */
export function adamw(params: Params, options: AdamWOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01, decays = decaysByDefault } = options;
  const inverse1 = (correction: number) => 1 / correction;
  const inverseRoot2 = (correction: number) => 1 / Math.sqrt(correction);
  return optimizerOf(
    params,
    {
      moments: ['m/', 'v/'],
      scalars: (rate, done) => ({
        rate,
        corrected_rate: mul(rate, corrected(done, beta1, inverse1)),
        inverse_root: corrected(done, beta2, inverseRoot2),
      }),
      numbers: (rate, done) => ({
        rate,
        corrected_rate: rate * inverse1(1 - beta1 ** (done + 1)),
        inverse_root: inverseRoot2(1 - beta2 ** (done + 1)),
      }),
      update({ decay, scale }, [w, m, v], gradient, { rate, corrected_rate, inverse_root }, applies) {
        // A number costs no pass over memory: those of an update that does not apply leave everything as it is.
        const or = (value: Operand, idle: number) => applied(applies, value, idle);
        const g = or(gradient, 0) as Tensor;
        const newM = add(mul(m!, or(beta1, 1)), mul(g, or(1 - beta1, 0)));
        const newV = add(mul(v!, or(beta2, 1)), mul(square(g), or(1 - beta2, 0)));
        const size = mul(or(corrected_rate!, 0), scale);
        const change = div(mul(newM, size), add(mul(sqrt(newV), inverse_root!), epsilon));
        const kept = decay === 0 ? w! : mul(w!, sub(1, mul(or(rate!, 0), scale * decay)));
        return [sub(kept, change), newM, newV];
      },
    },
    { ...options, weightDecay, decays },
  );
}

/**
 * f(1 − βᵗ), t = `done` + 1 [], out of a table made in double precision: in float32, βᵗ near 1 leaves 1 − βᵗ few digits.
 */
function corrected(done: Tensor, beta: number, f: (correction: number) => number): Tensor {
  // From there on 1 − βᵗ is 1 in float32.
  const last = beta === 0 ? 0 : Math.ceil(Math.log(2 ** -25) / Math.log(beta));
  const table = Float32Array.from({ length: last + 1 }, (_, i) => f(1 - beta ** (i + 1)));
  const row = cast(minimum(done, last), 'int32');
  return reshape(gather(constant({ shape: [last + 1, 1], data: table }), row), []);
}
