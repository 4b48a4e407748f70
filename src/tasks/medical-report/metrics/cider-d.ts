import type { Compared } from './bleu.js';
import { nGrams, wordsOf } from './n-grams.js';

const most = 4;
const sigma = 6;

/** A text as one vector of n-gram weights for each n, with their lengths. */
interface Weighed {
  readonly vectors: readonly ReadonlyMap<string, number>[];
  readonly norms: readonly number[];
  /** Of bigrams: pycocoevalcap counts a text's length where its zero-based n is 1. */
  readonly length: number;
}

/**
 * CIDEr-D, the mean over studies: 10 times the mean over n = 1 … 4 and over references of
 * Σ min(h, r)·r / (|h||r|) · exp(−(l_h − l_r)²/(2σ²)), σ = 6, where h and r weigh each n-gram by its count times
 * log(studies) − log(studies whose references have it).
 *
 * Vedantam et al. 2015 (arXiv 1411.5726), as pycocoevalcap computes it: document frequencies are of the references given here, so
 * that figures of two corpora do not compare, and a corpus of one study scores 0.
 *
 * @returns from 0 to 10
 * @example
 * const one = { draft: 'the lungs are clear', references: ['the lungs are clear'] };
 * const other = { draft: 'a nodule is seen', references: ['there is a small nodule'] };
 * console.log(ciderD([one, other]));
 */
export function ciderD(studies: readonly Compared[]): number {
  const grams = studies.map(({ draft, references }) => ({
    draft: nGrams(wordsOf(draft), most),
    references: references.map((text) => nGrams(wordsOf(text), most)),
  }));
  const documents = new Map<string, number>();
  for (const { references } of grams) {
    for (const gram of new Set(references.flatMap((byN) => byN.flatMap((counts) => [...counts.keys()])))) {
      documents.set(gram, (documents.get(gram) ?? 0) + 1);
    }
  }
  const all = Math.log(studies.length);
  const weigh = (byN: readonly ReadonlyMap<string, number>[]): Weighed => {
    const vectors = byN.map(
      (counts) =>
        new Map([...counts].map(([gram, n]) => [gram, n * (all - Math.log(Math.max(1, documents.get(gram) ?? 0)))])),
    );
    return {
      vectors,
      norms: vectors.map((vector) => Math.hypot(...vector.values())),
      length: [...byN[1]!.values()].reduce((a, b) => a + b, 0),
    };
  };
  const scores = grams.map(({ draft, references }) => {
    const own = weigh(draft);
    return references.reduce((sum, reference) => sum + similarity(own, weigh(reference)), 0) / references.length;
  });
  return scores.reduce((a, b) => a + b, 0) / scores.length;
}

function similarity(draft: Weighed, reference: Weighed): number {
  const penalty = Math.exp(-((draft.length - reference.length) ** 2) / (2 * sigma ** 2));
  let sum = 0;
  for (const [n, vector] of draft.vectors.entries()) {
    let product = 0;
    for (const [gram, weight] of vector) {
      const theirs = reference.vectors[n]!.get(gram) ?? 0;
      product += Math.min(weight, theirs) * theirs;
    }
    const norms = draft.norms[n]! * reference.norms[n]!;
    sum += (norms === 0 ? product : product / norms) * penalty;
  }
  return (10 * sum) / most;
}
