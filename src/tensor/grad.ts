import { add, mul } from './ops/arithmetic.js';
import { constant, formatShape, type Node, type Tensor } from './tensor.js';

/**
 * Reverse-mode gradients as new graph: ∂loss/∂w for each w in `wrt`, in its shape.
 *
 * Only nodes between `wrt` and `loss` are differentiated. What is built and not used is never emitted.
 * A tensor the loss does not depend on gets zeros.
 * @throws where the loss is not a scalar, or an op on the way has no gradient.
 */
export function grad(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.rank !== 0)
    throw new Error(`grad: expected a scalar loss, got shape ${formatShape(loss.shape)}; reduce it with sum or mean`);
  return pullback([loss], [constant(1)], wrt).map((gradient, i) => gradient ?? mul(wrt[i]!, 0));
}

/**
 * @internal Σ ∂output/∂w · cotangent for each w in `wrt`: the gradient, given that of the outputs.
 * Undefined where none arrives, for an output as for a w.
 *
 * @param since a {@link mark}: what was traced before it is not differentiated
 */
export function pullback(
  outputs: readonly Tensor[],
  arriving: readonly (Tensor | undefined)[],
  wrt: readonly Tensor[],
  since = 0,
): (Tensor | undefined)[] {
  const cotangents = new Map<Tensor, Tensor>();
  const arrive = (target: Tensor, contribution: Tensor | undefined) => {
    if (contribution === undefined || target.dtype !== 'float32') return;
    const before = cotangents.get(target);
    cotangents.set(target, before ? add(before, contribution) : contribution);
  };
  outputs.forEach((output, i) => {
    arrive(output, arriving[i]);
  });
  const targets = new Set(wrt);
  const between = nodesBetween(outputs, targets, since);
  const leads = new Set(between);
  for (const node of between) {
    const own = node.outputs.map((o) => cotangents.get(o));
    if (own.every((c) => c === undefined)) continue;
    if (!node.op.gradient)
      throw new Error(`grad: ${node.op.name} has no gradient; stopGradient its input if none is wanted`);
    const needed = node.inputs.map((i) => targets.has(i) || (i.node !== undefined && leads.has(i.node)));
    node.op.gradient(node, own, needed).forEach((contribution, i) => {
      arrive(node.inputs[i]!, contribution);
    });
  }
  return wrt.map((w) => cotangents.get(w));
}

/** Nodes traced after `since` on a path from `targets` to `outputs`, last computed first. */
function nodesBetween(outputs: readonly Tensor[], targets: ReadonlySet<Tensor>, since: number): Node[] {
  const reachable = new Map<Node, boolean>();
  const stack = outputs.flatMap(({ node }) => (node ? [node] : []));
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (reachable.has(node) || node.id < since) continue;
    reachable.set(node, false);
    for (const i of node.inputs) if (i.node) stack.push(i.node);
  }
  const ascending = [...reachable.keys()].sort((a, b) => a.id - b.id);
  for (const node of ascending) {
    const needed = node.inputs.some((i) => targets.has(i) || (i.node !== undefined && reachable.get(i.node)));
    reachable.set(node, needed);
  }
  return ascending.filter((n) => reachable.get(n)).reverse();
}
