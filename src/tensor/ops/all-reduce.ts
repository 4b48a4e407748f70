import { applyOne, type Op, type Tensor, withGradient } from '../tensor.js';

/** Where a graph is cut: between its stages the ranks add up what each has computed; see `stagesOf`. */
export const allReduceOp: Op = {
  name: 'sumOverRanks',
  emit() {
    throw new Error('sumOverRanks: a graph for several ranks runs in stages; compile it with its shards and ranks');
  },
  gradient: (_, [dy]) => [dy],
};

/** The same between processes that train together, each with its own images; see `stagesOf`. */
export const processSumOp: Op = {
  name: 'sumOverProcesses',
  emit() {
    throw new Error('sumOverProcesses: a graph for several processes runs in stages; compile it with its group');
  },
  gradient: (_, [dy]) => [dy && sumOverProcesses(dy)],
};

/**
 * Σ of the processes' x; every process gets the sum.
 *
 * What is minimised is the sum of the processes' losses: a value that all of them read gets its gradient from all.
 */
export function sumOverProcesses(x: Tensor): Tensor {
  return applyOne(processSumOp, [x], x.shape);
}

/** Σ of the ranks' x; every rank gets the sum. Its gradient is handed on as it is: Megatron-LM's g (arXiv 1909.08053). */
export function sumOverRanks(x: Tensor): Tensor {
  return applyOne(allReduceOp, [x], x.shape);
}

/** x, which is the same on all ranks, on its way into parts that are not; its gradient is their sum: Megatron-LM's f. */
export function copyToRanks(x: Tensor): Tensor {
  return withGradient(x, [x], (dy) => [sumOverRanks(dy)]);
}
