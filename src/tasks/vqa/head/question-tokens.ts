import { endPositions, isSiglip } from '../../../clip/index.js';
import { type GraphModel, textPass } from '../../../model/index.js';
import type { TensorTree } from '../../../nn/index.js';
import { tokenMask } from '../../../prompt/index.js';
import { concat, slice, type Tensor } from '../../../tensor/index.js';

/**
 * A question's tokens as a model's text tower reads them, normalised and projected to the joint space, the prompts that it
 * may insert left out.
 *
 * @param p the model's weights, by the names of `modelWeights`
 * @param ids [B, L] int32
 * @returns words [B, L, J], and mask [B, L]: 1 a token, 0 padding
 */
export function questionTokens(p: TensorTree, model: GraphModel, ids: Tensor): { words: Tensor; mask: Tensor } {
  const ends = endPositions(ids, model.config);
  const tokens = textPass(p, model, ids, ends, {}).tokenEmbeds();
  const { prompts } = model;
  const inserted = prompts?.encoder && prompts.config.text_layers > 0 ? prompts.config.n_ctx : 0;
  const behind = isSiglip(model.config) ? 0 : 1; // a start token stands before them
  const words =
    inserted === 0
      ? tokens
      : behind === 0
        ? slice(tokens, 1, inserted)
        : concat([slice(tokens, 1, 0, behind), slice(tokens, 1, behind + inserted)], 1);
  return { words, mask: tokenMask(ends, words) };
}
