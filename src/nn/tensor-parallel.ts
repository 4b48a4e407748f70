import { add, copyToRanks, linear, sumOverRanks, type Tensor } from '../tensor/index.js';
import { param, type TensorTree } from './params.js';

/** The input of a split product, whole on every rank. */
export function intoRanks(x: Tensor, ranks: number): Tensor {
  return ranks > 1 ? copyToRanks(x) : x;
}

/** The last layer of a split pair, `name.weight` and `name.bias`: the bias is added once, to the sum. */
export function outOfRanks(p: TensorTree, name: string, x: Tensor, ranks: number): Tensor {
  const weight = param(p, `${name}.weight`);
  if (ranks === 1) return linear(x, weight, p[`${name}.bias`]);
  return add(sumOverRanks(linear(x, weight)), param(p, `${name}.bias`));
}
