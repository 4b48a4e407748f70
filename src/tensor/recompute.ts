import { pullback } from './grad.js';
import { add, mul } from './ops/arithmetic.js';
import { reshape, slice } from './ops/layout.js';
import { mark, type Tensor, withGradients } from './tensor.js';

/**
 * f(x), whose inner values are not kept for the backward pass but computed again there (activation checkpointing,
 * Chen et al. 2016, arXiv 1604.06174): memory of one x instead of all of f's, for one more forward pass.
 *
 * `f` is traced again for each backward pass, so it must compute the same every time. What it uses besides x is
 * found by itself and gets its gradient too.
 *
 * @param x float32, of any shape but a scalar
 */
export function recomputed(x: Tensor, f: (x: Tensor) => readonly Tensor[]): Tensor[] {
  const start = mark();
  const values = f(x);
  const used = usedFromBefore(values, start, x);
  return withGradients(values, [x, ...used], (arriving, needed) => {
    const again = after(x, arriving);
    const begin = mark();
    const inputs = [again, ...used];
    const pulled = pullback(
      f(again),
      arriving,
      inputs.filter((_, i) => needed[i]),
      begin,
    );
    let next = 0;
    const [dx, ...others] = needed.map((wanted) => (wanted ? pulled[next++] : undefined));
    // The gradients of weights need what was computed again: they must be done before the next block's turn.
    return [dx && after(dx, others), ...others];
  });
}

/**
 * x, but not before `others` have been computed: x + 0 · (the sum of one element of each).
 *
 * ONNX Runtime may not assume that 0 · y is 0 (y could be infinite), so it neither removes the sum nor recognises what
 * is computed from it as what the forward pass has computed: without it, its elimination of common subexpressions would
 * keep all activations after all. And it cannot begin before the backward pass has come to this place: left to itself it
 * computes the gradients of all weights last, and keeps until then what they need.
 */
function after(x: Tensor, others: readonly (Tensor | undefined)[]): Tensor {
  const ones = others.flatMap((y) => (y ? [slice(reshape(y, [-1]), 0, 0, 1)] : [])); // [1] each
  if (ones.length === 0) return x;
  const sum = ones.reduce((a, b) => add(a, b));
  return add(x, mul(sum, 0));
}

/** What a graph that was traced since `start` uses of before: inputs and values, but no constants. */
function usedFromBefore(values: readonly Tensor[], start: number, x: Tensor): Tensor[] {
  const used = new Set<Tensor>();
  const seen = new Set<Tensor>();
  const stack = [...values];
  while (stack.length > 0) {
    const tensor = stack.pop()!;
    if (seen.has(tensor) || tensor === x) continue;
    seen.add(tensor);
    if (tensor.id >= start && tensor.node) stack.push(...tensor.node.inputs);
    else if (tensor.value === undefined) used.add(tensor);
  }
  return [...used];
}
