import { nounOf, pluralOf } from './noun-phrase.js';
import { irregularPlurals } from './nouns.js';

const singulars = new Map(Object.entries(irregularPlurals).map(([one, many]) => [many.toLowerCase(), one]));

/** Words whose plural a word may be, the likelier first; none where it is no plural: `boxes` → `box`, `boxe`. */
export function singularOf(word: string): string[] {
  const lower = word.toLowerCase();
  const irregular = singulars.get(lower);
  if (irregular) return [irregular];
  const guesses = [
    ...(lower.endsWith('men') ? [`${lower.slice(0, -2)}an`] : []),
    ...(lower.endsWith('ies') ? [`${lower.slice(0, -3)}y`] : []),
    ...(lower.endsWith('es') ? [lower.slice(0, -2), lower.slice(0, -1)] : []),
    ...(lower.endsWith('s') ? [lower.slice(0, -1)] : []),
  ];
  // Only what would give this plural again.
  return [...new Set(guesses)].filter(
    (one) => one.length > 1 && pluralOf({ ...nounOf(one), kind: 'singular' }) === lower,
  );
}
