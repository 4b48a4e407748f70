import type { Params } from '../nn/index.js';
import {
  add,
  cast,
  constant,
  div,
  gather,
  type HostTensor,
  minimum,
  mul,
  type Operand,
  reshape,
  sqrt,
  square,
  sub,
  type Tensor,
} from '../tensor/index.js';
import {
  applied,
  decaysByDefault,
  floatData,
  gradientFor,
  type Optimizer,
  ParameterGroups,
  type ParameterRules,
} from './optimizer.js';

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
  const slots = Object.entries(params).map(([name, tensor]) => {
    const weights = floatData(name, tensor);
    return {
      name,
      weights,
      shape: tensor.shape,
      m: new Float32Array(weights.length),
      v: new Float32Array(weights.length),
      decay: decays(name, tensor.shape) ? weightDecay : 0,
      scale: options.learningRateScale?.(name) ?? 1,
    };
  });
  const groups = new ParameterGroups(slots);
  return {
    update(gradients, learningRate, step) {
      const correction1 = 1 - beta1 ** (step + 1);
      const root2 = Math.sqrt(1 - beta2 ** (step + 1));
      for (const { name, weights, m, v, decay, scale } of slots) {
        const gradient = gradientFor(name, weights.length, gradients);
        const rate = learningRate * scale;
        if (gradient && rate !== 0) {
          adamwArray(weights, gradient, m, v, beta1, beta2, rate / correction1, 1 / root2, epsilon, 1 - rate * decay);
        }
      }
    },
    state() {
      const state: Record<string, HostTensor> = {};
      for (const { name, shape, m, v } of slots) {
        state[`m/${name}`] = { shape, data: m };
        state[`v/${name}`] = { shape, data: v };
      }
      return state;
    },
    traced: {
      scalars: (rate, done) => ({
        rate,
        corrected_rate: mul(
          rate,
          corrected(done, beta1, (c) => 1 / c),
        ),
        inverse_root: corrected(done, beta2, (c) => 1 / Math.sqrt(c)),
      }),
      moments: ['m/', 'v/'],
      group: (name) => groups.of(name),
      update(group, [w, m, v], gradient, { rate, corrected_rate, inverse_root }, applies) {
        const { decay, scale } = groups.rules(group);
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
  };
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

/** One plain loop, apart from everything else so that it is compiled once for Float32Array alone. */
function adamwArray(
  weights: Float32Array,
  gradient: Float32Array,
  m: Float32Array,
  v: Float32Array,
  beta1: number,
  beta2: number,
  rate: number,
  inverseRoot2: number,
  epsilon: number,
  keep: number,
): void {
  const new1 = 1 - beta1;
  const new2 = 1 - beta2;
  for (let i = 0; i < weights.length; i++) {
    const g = gradient[i]!;
    const mi = beta1 * m[i]! + new1 * g;
    const vi = beta2 * v[i]! + new2 * g * g;
    m[i] = mi;
    v[i] = vi;
    weights[i] = keep * weights[i]! - (rate * mi) / (Math.sqrt(vi) * inverseRoot2 + epsilon);
  }
}
