import { type Tokenizer, tokenizeAll } from '../clip/index.js';

/** Texts as host tensors: ids [N, L] and the position of each end token [N]. */
export function tokenized(tokenizer: Tokenizer, texts: readonly string[], limit: number) {
  const { ids, ends, length } = tokenizeAll(tokenizer, texts, limit);
  return { ids: { shape: [texts.length, length], data: ids }, ends: { shape: [texts.length], data: ends } };
}
