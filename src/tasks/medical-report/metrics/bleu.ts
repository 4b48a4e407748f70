import { nGrams, wordsOf } from './n-grams.js';

/** A draft, and the reports that were written of the same study. Both are texts whose words stand apart by spaces. */
export interface Compared {
  readonly draft: string;
  /** At least one. */
  readonly references: readonly string[];
}

const most = 4;
/** What pycocoevalcap adds, so that nothing is divided by 0. */
const [tiny, small] = [1e-15, 1e-9];

interface Counts {
  /** n-grams of the draft that some reference has, clipped; and all of the draft's, by n − 1. */
  readonly matched: readonly number[];
  readonly all: readonly number[];
  readonly length: number;
  /** Length of the reference whose length is closest. */
  readonly reference: number;
}

/**
 * BLEU-1 … BLEU-4 of a corpus: the geometric mean of clipped n-gram precisions over all drafts, times exp(1 − r/c) where the drafts,
 * c words, are shorter than the references closest in length, r words.
 *
 * Papineni et al. 2002, as pycocoevalcap computes it (reference length `closest`, 1e-15 and 1e-9 against divisions by 0).
 *
 * @returns four figures, each from 0 to 1
 * @example
 * const [bleu1] = bleu([{ draft: 'the lungs are clear', references: ['the lungs are clear'] }]);
 */
export function bleu(studies: readonly Compared[]): number[] {
  const sum = { matched: Array<number>(most).fill(0), all: Array<number>(most).fill(0), length: 0, reference: 0 };
  for (const { matched, all, length, reference } of studies.map(countsOf)) {
    for (let n = 0; n < most; n++) {
      sum.matched[n]! += matched[n]!;
      sum.all[n]! += all[n]!;
    }
    sum.length += length;
    sum.reference += reference;
  }
  const ratio = (sum.length + tiny) / (sum.reference + small);
  const brevity = ratio < 1 ? Math.exp(1 - 1 / ratio) : 1;
  let product = 1;
  return sum.matched.map((matched, n) => {
    product *= (matched + tiny) / (sum.all[n]! + small);
    return product ** (1 / (n + 1)) * brevity;
  });
}

function countsOf({ draft, references }: Compared): Counts {
  const words = wordsOf(draft);
  const own = nGrams(words, most);
  const theirs = references.map((text) => nGrams(wordsOf(text), most));
  const lengths = references.map((text) => wordsOf(text).length);
  const distance = (length: number) => Math.abs(length - words.length);
  return {
    matched: own.map((counts, n) => {
      let matched = 0;
      for (const [gram, count] of counts) {
        matched += Math.min(count, Math.max(...theirs.map((grams) => grams[n]!.get(gram) ?? 0)));
      }
      return matched;
    }),
    all: own.map((_, n) => Math.max(0, words.length - n)),
    length: words.length,
    // Of two that are as close, the shorter.
    reference: lengths.reduce((best, length) =>
      distance(length) < distance(best) || (distance(length) === distance(best) && length < best) ? length : best,
    ),
  };
}
