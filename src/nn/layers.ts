import { gelu, geluTanh, layerNorm, linear, quickGelu, type Tensor } from '../tensor/index.js';
import { param, type TensorTree } from './params.js';
import { intoRanks, outOfRanks } from './tensor-parallel.js';

/** By Hugging Face's names. */
export const activations = { quick_gelu: quickGelu, gelu, gelu_pytorch_tanh: geluTanh } as const;
export type Activation = keyof typeof activations;

/** x Wᵀ + b with parameters `name.weight` [O, I] and, where there is one, `name.bias` [O]. */
export function linearLayer(p: TensorTree, name: string, x: Tensor): Tensor {
  return linear(x, param(p, `${name}.weight`), p[`${name}.bias`]);
}

/** Layer normalisation with parameters `name.weight` and `name.bias`. */
export function layerNormLayer(p: TensorTree, name: string, x: Tensor, eps: number): Tensor {
  return layerNorm(x, param(p, `${name}.weight`), param(p, `${name}.bias`), eps);
}

/** fc2(activation(fc1(x))): the block's multilayer perceptron, its hidden units split over the ranks. */
export function mlp(p: TensorTree, name: string, x: Tensor, activation: Activation, ranks = 1): Tensor {
  const hidden = activations[activation](linearLayer(p, `${name}.fc1`, intoRanks(x, ranks)));
  return outOfRanks(p, `${name}.fc2`, hidden, ranks);
}
