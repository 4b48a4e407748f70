import { argMax, cast, constant, equal, type Tensor } from '../../tensor/index.js';
import type { ClipConfig } from '../config.js';

/**
 * Where each text's embedding is read off: its end token, as Hugging Face's CLIPTextModel finds it.
 *
 * Old configs say `eos_token_id` 2, which no CLIP tokenizer uses; their models pool at the largest id of the row,
 * which is the end token, the last one of the vocabulary. Otherwise it is the first `eos_token_id`, or position 0
 * where there is none.
 *
 * @param ids [N*L]
 * @returns [N]
 */
export function eosPositions(ids: Int32Array, contextLength: number, config: ClipConfig): Int32Array {
  const eos = config.text_config.eos_token_id;
  const positions = new Int32Array(ids.length / contextLength);
  for (let n = 0; n < positions.length; n++) {
    const row = ids.subarray(n * contextLength, (n + 1) * contextLength);
    positions[n] = eos === 2 ? row.indexOf(row.reduce((a, b) => Math.max(a, b))) : Math.max(0, row.indexOf(eos));
  }
  return positions;
}

/** {@link eosPositions} in a graph: ids [N, L] int32 → [N] int32; L may be symbolic. */
export function endPositions(ids: Tensor, config: ClipConfig): Tensor {
  const eos = config.text_config.eos_token_id;
  return argMax(eos === 2 ? ids : cast(equal(ids, constant({ shape: [], data: Int32Array.of(eos) })), 'float32'));
}
