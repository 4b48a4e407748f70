import type { Params } from '../nn/index.js';
import { add, type HostTensor, mul, type Operand, sub, type Tensor } from '../tensor/index.js';
import { applied, floatData, gradientFor, type Optimizer, ParameterGroups, type ParameterRules } from './optimizer.js';

export interface SgdOptions extends ParameterRules {
  readonly momentum?: number;
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent with momentum, as PyTorch computes it (dampening 0, no Nesterov).
 *
 *     g ← g + λ θ;  b ← μ b + g;  θ ← θ − η b
 *
 * Weight decay is an L2 term of the gradient and, as in PyTorch, applies to every parameter unless `decays` says otherwise.
 */
export function sgd(params: Params, options: SgdOptions = {}): Optimizer {
  const { momentum = 0, weightDecay = 0, decays = () => true } = options;
  const slots = Object.entries(params).map(([name, tensor]) => {
    const weights = floatData(name, tensor);
    return {
      name,
      weights,
      shape: tensor.shape,
      velocity: new Float32Array(weights.length),
      decay: decays(name, tensor.shape) ? weightDecay : 0,
      scale: options.learningRateScale?.(name) ?? 1,
    };
  });
  const groups = new ParameterGroups(slots);
  return {
    update(gradients, learningRate) {
      for (const { name, weights, velocity, decay, scale } of slots) {
        const gradient = gradientFor(name, weights.length, gradients);
        const rate = learningRate * scale;
        if (!gradient || rate === 0) continue;
        for (let i = 0; i < weights.length; i++) {
          const b = momentum * velocity[i]! + gradient[i]! + decay * weights[i]!;
          velocity[i] = b;
          weights[i] = weights[i]! - rate * b;
        }
      }
    },
    state: () =>
      Object.fromEntries(
        slots.map(({ name, shape, velocity }): [string, HostTensor] => [`momentum/${name}`, { shape, data: velocity }]),
      ),
    traced: {
      scalars: (rate) => ({ rate }),
      moments: ['momentum/'],
      group: (name) => groups.of(name),
      update(group, [w, b], gradient, { rate }, applies) {
        const { decay, scale } = groups.rules(group);
        const or = (value: Operand, idle: number) => applied(applies, value, idle);
        const g = or(gradient, 0) as Tensor;
        const newB = add(mul(b!, or(momentum, 1)), decay === 0 ? g : add(g, mul(w!, or(decay, 0))));
        return [sub(w!, mul(newB, mul(or(rate!, 0), scale))), newB];
      },
    },
  };
}
