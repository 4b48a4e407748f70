import { pseudoInverse } from 'ml-matrix';
import { tokenProjection, tokenTable, wholeTokenTable } from '../clip/index.js';
import { type HostTensor, matrixOf, tensorOf } from '../tensor/index.js';
import type { TowerModel } from './model.js';

/** Of a prompt encoder that reads the student's token table. */
const encoderProjection = 'token_projection.weight';

/**
 * The same model with one token table [V, D] in place of two factors T [V, r] and P [D, r], as other programs read it: T Pᵀ.
 * A prompt encoder that shares the table reads T, and reads it from T Pᵀ by the pseudo-inverse of P.
 */
export function withWholeTokens<M extends Pick<TowerModel, 'config' | 'params' | 'prompts'>>(model: M): M {
  const { [tokenProjection]: projection, ...params } = model.params;
  if (!projection) return model;
  const { token_rank: _, ...text_config } = model.config.text_config;
  return {
    ...model,
    config: { ...model.config, text_config },
    params: { ...params, [tokenTable]: wholeTokenTable(model.params) },
    prompts: withWholePrompts(model.prompts, projection),
  };
}

function withWholePrompts(prompts: TowerModel['prompts'], projection: HostTensor): TowerModel['prompts'] {
  if (!prompts?.encoder || prompts.config.shared_embedding_width === undefined) return prompts;
  const read = matrixOf(prompts.encoder[encoderProjection]!).mmul(pseudoInverse(matrixOf(projection))); // [W, D]
  return {
    ...prompts,
    config: { ...prompts.config, shared_embedding_width: read.columns },
    encoder: { ...prompts.encoder, [encoderProjection]: tensorOf(read) },
  };
}
