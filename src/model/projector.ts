import { Random } from '../math/index.js';
import {
  type BatchStatistics,
  batchNormLayer,
  batchStatistics,
  linearLayer,
  type Params,
  runningStatistics,
  type TensorTree,
} from '../nn/index.js';
import { relu, type Tensor } from '../tensor/index.js';

/**
 * A fresh projector from the student's joint space to the teacher's: `fc1`, `bn`, `fc2`. Weights and biases of the
 * linear maps are uniform within ±1/√inputs, as PyTorch draws them.
 */
export function initProjector(from: number, to: number, seed: number): Params {
  const uniform = (name: string, shape: number[], inputs: number) => {
    const random = new Random(seed, 'projector', name);
    const bound = inputs ** -0.5;
    const length = shape.reduce((a, b) => a * b, 1);
    return { shape, data: Float32Array.from({ length }, () => random.uniform(-bound, bound)) };
  };
  const filled = (value: number) => ({ shape: [to], data: new Float32Array(to).fill(value) });
  return {
    'fc1.weight': uniform('fc1.weight', [to, from], from),
    'fc1.bias': uniform('fc1.bias', [to], from),
    'bn.weight': filled(1),
    'bn.bias': filled(0),
    'bn.running_mean': filled(0),
    'bn.running_var': filled(1),
    'fc2.weight': uniform('fc2.weight', [to, to], to),
    'fc2.bias': uniform('fc2.bias', [to], to),
  };
}

/**
 * fc2(ReLU(BatchNorm(fc1(x)))): student features [B, P_s] in the teacher's joint space [B, P_t]
 * (Li et al., arXiv 2403.02781).
 *
 * @param normalise with the batch's own statistics, in training, or with the running ones
 * @returns also the statistics that were used
 */
export function projector(
  p: TensorTree,
  x: Tensor,
  normalise: 'batch' | 'running',
): { features: Tensor; statistics: BatchStatistics } {
  const inner = linearLayer(p, 'fc1', x); // [B, P_t]
  const statistics = normalise === 'batch' ? batchStatistics(inner) : runningStatistics(p, 'bn');
  return { features: linearLayer(p, 'fc2', relu(batchNormLayer(p, 'bn', inner, statistics))), statistics };
}
