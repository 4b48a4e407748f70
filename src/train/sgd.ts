import type { Params } from '../nn/index.js';
import { add, mul, type Operand, sub, type Tensor } from '../tensor/index.js';
import { applied, type Optimizer, optimizerOf, type ParameterRules } from './optimizer.js';

/** Options of {@link sgd}. */
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
  return optimizerOf(
    params,
    {
      moments: ['momentum/'],
      scalars: (rate) => ({ rate }),
      numbers: (rate) => ({ rate }),
      update({ decay, scale }, [w, b], gradient, { rate }, applies) {
        const or = (value: Operand, idle: number) => applied(applies, value, idle);
        const g = or(gradient, 0) as Tensor;
        const newB = add(mul(b!, or(momentum, 1)), decay === 0 ? g : add(g, mul(w!, or(decay, 0))));
        return [sub(w!, mul(newB, mul(or(rate!, 0), scale))), newB];
      },
    },
    { ...options, weightDecay, decays },
  );
}
