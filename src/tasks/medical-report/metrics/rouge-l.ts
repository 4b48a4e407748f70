import type { Compared } from './bleu.js';
import { wordsOf } from './n-grams.js';

const beta = 1.2;

/**
 * ROUGE-L, the mean over studies of (1 + β²)PR / (R + β²P) with β = 1.2, where P and R are the longest common subsequence over the
 * draft's and the reference's length; the best P and the best R are taken separately over references.
 *
 * Lin 2004, as pycocoevalcap computes it.
 *
 * @returns from 0 to 1
 * @example
 * console.log(rougeL([{ draft: 'the lungs are clear', references: ['lungs are clear'] }]));
 */
export function rougeL(studies: readonly Compared[]): number {
  return studies.reduce((sum, study) => sum + rougeLOf(study), 0) / studies.length;
}

function rougeLOf({ draft, references }: Compared): number {
  const words = wordsOf(draft);
  let [precision, recall] = [0, 0];
  for (const reference of references.map(wordsOf)) {
    const common = longestCommonSubsequence(words, reference);
    precision = Math.max(precision, common / Math.max(1, words.length));
    recall = Math.max(recall, common / Math.max(1, reference.length));
  }
  if (precision === 0 || recall === 0) return 0;
  return ((1 + beta ** 2) * precision * recall) / (recall + beta ** 2 * precision);
}

function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
  let above = new Uint32Array(b.length + 1);
  for (const word of a) {
    const row = new Uint32Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) {
      row[j] = word === b[j - 1] ? above[j - 1]! + 1 : Math.max(above[j]!, row[j - 1]!);
    }
    above = row;
  }
  return above[b.length]!;
}
