import type { Tokenizer } from './tokenizer.js';

/** Texts as token ids of one length: the longest text's, or the model's where it always reads that. */
export interface TokenizedTexts {
  /** [texts, length] */
  readonly ids: Int32Array;
  /** [texts], position of the end token */
  readonly ends: Int32Array;
  readonly length: number;
}

/** Token ids of all texts at the length of the longest one, and no longer than `limit`; see `Tokenizer.fullLength`. */
export function tokenizeAll(tokenizer: Tokenizer, texts: readonly string[], limit: number): TokenizedTexts {
  const long = tokenizer.encode(texts, limit);
  if (tokenizer.fullLength) return { ids: long.ids, ends: long.eos, length: limit };
  const length = long.eos.reduce((longest, end) => Math.max(longest, end + 1), 0);
  const ids = new Int32Array(texts.length * length);
  for (let i = 0; i < texts.length; i++) ids.set(long.ids.subarray(i * limit, i * limit + length), i * length);
  return { ids, ends: long.eos, length };
}
