import type { Random } from '../../math/index.js';
import { WordNet } from './wordnet.js';
import { joinWords, likeCase, protectedWords, splitWords, type Tagged, tag } from './words.js';

/** Options of {@link replaceSynonyms}. */
export interface ReplaceOptions {
  /** Probability that a word that can be replaced is. @defaultValue 0.3 */
  readonly p?: number;
  /** Texts whose words must stay, as the class name. */
  readonly keep?: readonly string[];
}

/**
 * Replaces words by synonyms of WordNet, in their part of speech and inflected as they were: `two little boys` →
 * `two small boys`. It depends on text, options and the random stream's key alone.
 */
export function replaceSynonyms(text: string, random: Random, { p = 0.3, keep = [] }: ReplaceOptions = {}): string {
  return replaceWords(text, random, p, keep, synonymsOf);
}

/** Replaces words by others that `choices` offers for them, each with probability p. */
export function replaceWords(
  text: string,
  random: Random,
  p: number,
  keep: readonly string[],
  choices: (tagged: Tagged, net: WordNet) => readonly string[],
): string {
  const net = WordNet.open();
  const { words, end } = splitWords(text);
  const kept = protectedWords(keep);
  const changed = new Set<number>();
  const replaced = words.map((word, i) => {
    // Drawn for every word, so that what one becomes does not hang on what another was.
    const wanted = random.float() < p;
    const tagged = wanted && !kept.has(word.text.toLowerCase()) ? tag(words, i, net) : undefined;
    const offered = tagged ? choices(tagged, net).filter((lemma) => !kept.has(lemma)) : [];
    if (!tagged || offered.length === 0) return word;
    changed.add(i);
    return { ...word, text: likeCase(tagged.inflect(random.pick(offered)), word.text) };
  });
  return joinWords(replaced, end, changed);
}

/** Words that mean the same first of all, as the word itself does: rare meanings of either are no synonyms. */
export function synonymsOf({ lemma, pos }: Tagged, net: WordNet): string[] {
  const sense = mainSense(lemma, pos, net);
  if (!sense) return [];
  return usualWords(net, pos, sense.offset).filter((word) => word !== lemma);
}

/** A word's first sense, where it is what the word means more often than not. */
export function mainSense(lemma: string, pos: Tagged['pos'], net: WordNet) {
  const own = net.senses(lemma).filter((sense) => sense.pos === pos);
  const total = own.reduce((sum, { count }) => sum + count, 0);
  const [first] = own;
  return first && (own.length === 1 || first.count > total / 2) ? first : undefined;
}

/** The words of a synset that were met in it, whose first sense it is; single and without capitals, so that they inflect. */
export function usualWords(net: WordNet, pos: Tagged['pos'], offset: number): string[] {
  return net.synset({ pos, offset }).words.filter((word) => {
    if (!/^[a-z]+$/.test(word)) return false;
    const first = net.senses(word).find((sense) => sense.pos === pos);
    return first?.offset === offset && first.count > 0;
  });
}
