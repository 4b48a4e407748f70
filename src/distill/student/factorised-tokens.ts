import { tokenProjection, tokenTable } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { type HostTensor, matrixOf, tensorOf } from '../../tensor/index.js';
import type { DistillRecipe } from '../recipe.js';
import { components } from './components.js';
import type { StudentStart } from './student.js';

/** Rank of a factorised token table of some width, where the recipe says none: a quarter of it, in eights. */
export const tokenRank = (width: number): number => 8 * Math.ceil(width / 32);

/** The rank that a recipe asks for; undefined where its table is whole. */
export function askedRank({ student }: Pick<DistillRecipe, 'student'>, width: number): number | undefined {
  if (student.tokens !== 'factorised') return undefined;
  const rank = student.token_rank ?? tokenRank(width);
  if (rank < width) return rank;
  throw new UserError(
    `student.token_rank: expected less than the text tower's width ${width}, got ${rank}: set student.tokens=all for a whole table`,
  );
}

/**
 * A student whose token table [V, D] is the product of two factors [V, r] and [D, r] (`student.tokens: factorised`; Lan et al.,
 * ALBERT, arXiv 1909.11942, section 3.1). It starts as the nearest of that rank: T ≈ (T U) Uᵀ, with the r first right singular
 * vectors U of T.
 *
 * @throws UserError for a rank that is not below the width
 */
export function withFactorisedTokens(start: StudentStart, recipe: Pick<DistillRecipe, 'student'>): StudentStart {
  const { text_config: text } = start.config;
  const rank = askedRank(recipe, text.hidden_size);
  // A student that is given may have two factors already.
  if (rank === undefined || text.token_rank !== undefined) return start;
  const [rows, projection] = factors(start.params[tokenTable]!, rank);
  return {
    ...start,
    config: { ...start.config, text_config: { ...text, token_rank: rank } },
    params: { ...start.params, [tokenTable]: rows, [tokenProjection]: projection },
  };
}

function factors(whole: HostTensor, rank: number): [rows: HostTensor, projection: HostTensor] {
  const table = matrixOf(whole);
  const U = components(table.transpose().mmul(table), rank); // [D, r]
  return [tensorOf(table.mmul(U)), tensorOf(U)];
}
