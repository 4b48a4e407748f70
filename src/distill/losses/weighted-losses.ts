import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { type LossName, type LossRecipe, losses } from './index.js';

/** A step's losses as they are minimised, each a scalar; a sum without terms is left out. */
export interface WeightedLosses {
  /** All of them. */
  readonly total: Tensor;
  /** Those whose gradient is clipped. */
  readonly clipped?: Tensor;
  /** The others: their gradients are added as they are, with γ in their weights. */
  readonly free?: Tensor;
}

/**
 * The weighted sums of a step's losses: every one that was built is in them, by its weight and, where its gradient is
 * scaled, γ.
 *
 * @throws RangeError where there are none
 */
export function weightedLosses(
  built: Readonly<Partial<Record<LossName, Tensor>>>,
  recipe: LossRecipe & { readonly coordination: { readonly gamma: number } },
): WeightedLosses {
  const terms = losses.flatMap(({ name, coordination }) => {
    const factor = coordination === 'gamma' ? recipe.coordination.gamma : 1;
    const loss = built[name];
    return loss ? [{ coordination, term: t.mul(loss, factor * recipe.losses[name].weight) }] : [];
  });
  const sum = (of: typeof terms) => of.map(({ term }) => term).reduce((a, b) => t.add(a, b));
  const [clipped, free] = [true, false].map((clip) => {
    const own = terms.filter(({ coordination }) => (coordination === 'clip') === clip);
    return own.length > 0 ? sum(own) : undefined;
  });
  const parts = [clipped, free].filter((part) => part !== undefined);
  if (parts.length === 0) throw new RangeError('weightedLosses: expected at least one loss, got none');
  return { total: parts.reduce((a, b) => t.add(a, b)), clipped, free };
}
