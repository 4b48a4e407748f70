import { Tokenizer as Pipeline } from '@huggingface/tokenizers';
import { UserError } from '../../errors.js';
import { byteAlphabet, clipTokenizerJson, END, START, type TokenizerJson } from './clip-tokenizer.js';

/** The alphabet (each byte, inside a word and at its end) and the two special tokens: nothing smaller can hold any text. */
const LEAST = 514;

interface Word {
  symbols: string[];
  readonly count: number;
}

/**
 * Learns a CLIP tokenizer from texts: byte-pair encoding (Sennrich et al. 2016, arXiv 1508.07909, algorithm 1) over
 * the words that CLIP's own normalisation and splitting give.
 *
 * Ids are ordered as in CLIP's vocabulary: 256 bytes, 256 bytes with `</w>`, merges by rank, start, end (which pads
 * too). Merges stop early where no pair occurs twice, so that the vocabulary may be smaller than asked. Deterministic:
 * the most frequent pair, of equals the first in code-unit order.
 *
 * @param vocabSize with alphabet and special tokens, at least 514.
 * @returns a `tokenizer.json`, for `tokenizerFromJson`.
 * @throws UserError where `vocabSize` is smaller than 514.
 */
export function trainTokenizer(texts: Iterable<string>, vocabSize: number): TokenizerJson {
  if (!Number.isSafeInteger(vocabSize) || vocabSize < LEAST) {
    throw new UserError(
      `vocabSize: expected a whole number from ${LEAST} (the byte alphabet and two special tokens), got ${vocabSize}`,
    );
  }
  const alphabet = byteAlphabet();
  const tokens = new Set([...alphabet, ...alphabet.map((c) => `${c}</w>`)]);
  const merges = learnMerges(countWords(texts), tokens, vocabSize - 2);
  const vocab = Object.fromEntries([...tokens, START, END].map((token, id) => [token, id]));
  return clipTokenizerJson(vocab, merges);
}

function countWords(texts: Iterable<string>): Word[] {
  // The loader's own pipeline without merges, so that training and use split alike.
  const { normalizer, pre_tokenizer: split } = new Pipeline(clipTokenizerJson({ [START]: 0, [END]: 1 }, []), {});
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of split!.pre_tokenize_text(normalizer!.normalize(text), {}))
      counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, count]) => {
    const symbols = Array.from(word);
    symbols[symbols.length - 1] += '</w>';
    return { symbols, count };
  });
}

/** Adds the merged tokens to `tokens` until there are `limit`, and returns the merges by rank. */
function learnMerges(words: readonly Word[], tokens: Set<string>, limit: number): string[] {
  const counts = new Map<string, number>();
  const places = new Map<string, Set<Word>>();
  const tally = (word: Word, sign: 1 | -1) => {
    for (let i = 0; i + 1 < word.symbols.length; i++) {
      const pair = `${word.symbols[i]} ${word.symbols[i + 1]}`;
      const count = (counts.get(pair) ?? 0) + sign * word.count;
      if (count === 0) counts.delete(pair);
      else counts.set(pair, count);
      if (sign < 0) places.get(pair)?.delete(word);
      else if (places.has(pair)) places.get(pair)!.add(word);
      else places.set(pair, new Set([word]));
    }
  };
  for (const word of words) tally(word, 1);

  const merges: string[] = [];
  while (tokens.size < limit) {
    let best: string | undefined;
    let bestCount = 1;
    for (const [pair, count] of counts) {
      if (count > bestCount || (count === bestCount && best !== undefined && pair < best))
        [best, bestCount] = [pair, count];
    }
    if (best === undefined) break;
    const [left, right] = best.split(' ') as [string, string];
    merges.push(best);
    tokens.add(left + right); // may be known already: `ab`+`c` and `a`+`bc` are two merges and one token
    for (const word of [...places.get(best)!]) {
      tally(word, -1);
      word.symbols = merge(word.symbols, left, right);
      tally(word, 1);
    }
  }
  return merges;
}

function merge(symbols: readonly string[], left: string, right: string): string[] {
  const merged: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) merged.push(left + symbols[++i]!);
    else merged.push(symbols[i]!);
  }
  return merged;
}
