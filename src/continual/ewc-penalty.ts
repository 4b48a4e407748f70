import type { Anchor } from '../bank/index.js';
import type { Params, TensorTree } from '../nn/index.js';
import { add, type HostTensor, input, mul, square, sub, sum, type Tensor } from '../tensor/index.js';

const [FISHER, VALUE] = ['ewc/fisher/', 'ewc/value/'];

/**
 * Elastic weight consolidation's penalty (Kirkpatrick et al., arXiv 1612.00796, equation 3), with its ½:
 *
 *     λ/2 Σ F (θ − θ*)²
 *
 * @param parameters what learns, by the anchor's names
 * @param anchor see {@link oneAnchor}
 * @returns a scalar, and what its inputs are fed
 */
export function ewcPenalty(
  parameters: TensorTree,
  { fisher, values }: Anchor,
  lambda: number,
): { readonly penalty: Tensor; readonly frozen: Params } {
  const frozen: Params = {};
  const fed = (prefix: string, name: string, array: HostTensor): Tensor => {
    frozen[prefix + name] = array;
    return input(prefix + name, array.shape);
  };
  const parts = Object.keys(fisher)
    .filter((name) => name in parameters)
    .map((name) => {
      const gap = sub(parameters[name]!, fed(VALUE, name, values[name]!));
      return sum(mul(fed(FISHER, name, fisher[name]!), square(gap)));
    });
  return {
    penalty: mul(
      parts.reduce((a, b) => add(a, b)),
      lambda / 2,
    ),
    frozen,
  };
}

/**
 * Anchors of several tasks as one, with the same gradient everywhere: Σ_k F_k (θ − θ_k)² is F (θ − θ̄)² and a constant, with
 * F = Σ F_k and θ̄ = Σ F_k θ_k / F (Huszár, arXiv 1712.03847).
 *
 * @param anchors at least one, all of the same parameters
 */
export function oneAnchor(anchors: readonly Anchor[]): Anchor {
  const [first] = anchors;
  if (anchors.length === 1) return first!;
  const fisher: Params = {};
  const values: Params = {};
  for (const [name, { shape, data }] of Object.entries(first!.fisher)) {
    const both = { fisher: new Float32Array(data.length), values: new Float32Array(data.length) };
    for (let i = 0; i < data.length; i++) {
      let [total, moment] = [0, 0];
      for (const anchor of anchors) {
        const own = anchor.fisher[name]!.data[i]!;
        total += own;
        moment += own * anchor.values[name]!.data[i]!;
      }
      both.fisher[i] = total;
      both.values[i] = total > 0 ? moment / total : anchors.at(-1)!.values[name]!.data[i]!;
    }
    fisher[name] = { shape, data: both.fisher };
    values[name] = { shape, data: both.values };
  }
  return { fisher, values };
}

/**
 * The online anchor after one more task (Schwarz et al., arXiv 1805.06370): γ of the earlier Fisher information and the new
 * one, around the parameters that the task ended with.
 */
export function movedAnchor(before: Anchor | undefined, now: Anchor, decay: number): Anchor {
  if (!before) return now;
  const fisher = Object.fromEntries(
    Object.entries(now.fisher).map(([name, { shape, data }]) => {
      const earlier = before.fisher[name]!.data;
      return [name, { shape, data: Float32Array.from(data, (value, i) => decay * earlier[i]! + value) }];
    }),
  );
  return { fisher, values: now.values };
}

/** λ at which the penalty pulls a displaced parameter back as hard as the task pushes: ‖g‖ / ‖F ∘ (θ − θ*)‖. */
export function balancedLambda(gradient: readonly ArrayLike<number>[], { fisher, values }: Anchor, at: Params): number {
  const norm = (parts: readonly ArrayLike<number>[]) => {
    let squares = 0;
    for (const part of parts) for (let i = 0; i < part.length; i++) squares += part[i]! ** 2;
    return Math.sqrt(squares);
  };
  const pull = Object.entries(fisher).map(([name, { data }]) =>
    Float64Array.from(data, (value, i) => value * (at[name]!.data[i]! - values[name]!.data[i]!)),
  );
  const force = norm(pull);
  return force > 0 ? norm(gradient) / force : 0;
}
