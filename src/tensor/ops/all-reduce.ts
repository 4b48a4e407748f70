import { applyOne, type Op, type Tensor, withGradient } from '../tensor.js';

/** Where a graph is cut: between its stages the ranks add up what each has computed; see `stagesOf`. */
export const allReduceOp: Op = {
  name: 'sumOverRanks',
  emit() {
    throw new Error('sumOverRanks: a graph for several ranks runs in stages; compile it with its shards and ranks');
  },
  gradient: (_, [dy]) => [dy],
};

/** Σ of the ranks' x; every rank gets the sum. Its gradient is handed on as it is: Megatron-LM's g (arXiv 1909.08053). */
export function sumOverRanks(x: Tensor): Tensor {
  return applyOne(allReduceOp, [x], x.shape);
}

/** x, which is the same on all ranks, on its way into parts that are not; its gradient is their sum: Megatron-LM's f. */
export function copyToRanks(x: Tensor): Tensor {
  return withGradient(x, [x], (dy) => [sumOverRanks(dy)]);
}
