import { articleOf, beginsWithDoing, gerundOf, pluralOf, singularOf, verbsOfGerund } from '../../english/index.js';
import type { PartOfSpeech, WordNet } from './wordnet.js';

/** A word of a text with what comes before it. */
export interface Word {
  readonly text: string;
  /** Spaces and marks between the word before and this one. */
  readonly gap: string;
}

/** A word in its part of speech, and how another word takes its form. */
export interface Tagged {
  readonly pos: PartOfSpeech;
  readonly lemma: string;
  readonly inflect: (lemma: string) => string;
}

const list = (text: string) => new Set(text.split(/\s+/));
const determiners = list(
  'a an the this that these those my your our his her its their some any no one two three four five several many each every another',
);
const prepositions = list(
  'of in on at by with from to into onto near under over above below behind beside between against for without around through across',
);
const others = list(
  'and or but is are was were be been being has have had do does did can will there here it he she they we you i not as than then who which what that left right very',
);

/** A colour is what a caption says: a shade of it is another. */
const colours = list('red orange yellow green blue purple violet pink brown black white grey gray golden silver');

const isFunctionWord = (word: string) => determiners.has(word) || prepositions.has(word) || others.has(word);

/** The words of a text, and what follows the last. */
export function splitWords(text: string): { words: Word[]; end: string } {
  const words: Word[] = [];
  let from = 0;
  for (const match of text.matchAll(/[\p{L}\p{N}][\p{L}\p{N}'’-]*/gu)) {
    words.push({ text: match[0], gap: text.slice(from, match.index) });
    from = match.index + match[0].length;
  }
  return { words, end: text.slice(from) };
}

/** Puts words together again; `a` and `an` follow the word after them where `changed` says that one is new. */
export function joinWords(words: readonly Word[], end: string, changed: ReadonlySet<number>): string {
  const mended = words.map(({ text, gap }, i) => {
    const isArticle = /^an?$/i.test(text) && changed.has(i + 1) && words[i + 1]!.gap === ' ';
    return gap + (isArticle ? text.charAt(0) + articleOf(words[i + 1]!.text).slice(1) : text);
  });
  return mended.join('') + end;
}

/**
 * The part of speech of word i, from its neighbours and from what WordNet knows it as; undefined where that is not sure
 * enough to change it.
 */
export function tag(words: readonly Word[], i: number, net: WordNet): Tagged | undefined {
  const { text } = words[i]!;
  const word = text.toLowerCase();
  // A capital inside a text is a name's.
  if (
    word.length < 3 ||
    isFunctionWord(word) ||
    colours.has(word) ||
    /\d/.test(word) ||
    (i > 0 && /^\p{Lu}/u.test(text))
  )
    return undefined;
  const before = words[i - 1]?.text.toLowerCase();
  const next = words[i + 1];
  const nounFollows =
    next !== undefined && /^ $/.test(next.gap) && !isFunctionWord(next.text.toLowerCase()) && isNoun(next.text, net);
  const readings = readingsOf(word, net).sort((x, y) => y.count - x.count);
  const joined = (neighbour: Word | undefined, gap: string) =>
    neighbour !== undefined && gap === ' ' && !isFunctionWord(neighbour.text.toLowerCase());
  // A name of several words is one thing, whether WordNet knows it (hot dog) or it is made up of nouns (oil drum).
  const compound =
    joined(words[i - 1], words[i]!.gap) && (partOfName(before!, readings, net) || !isAdjective(before!, net));
  const leads = joined(next, next?.gap ?? '') && partOfName(word, readingsOf(next!.text.toLowerCase(), net), net);
  if (leads) return undefined;
  const afterSubject = before !== undefined && !determiners.has(before) && !prepositions.has(before);
  const wanted: PartOfSpeech[] = nounFollows
    ? ['adj']
    : beginsWithDoing(word) && afterSubject
      ? ['verb', 'noun']
      : ['noun', 'adv'];
  const total = readings.reduce((sum, { count }) => sum + count, 0);
  const reading = readings.find(({ pos }) => wanted.includes(pos));
  if (!reading || (reading.pos === 'noun' && compound)) return undefined;
  // A word that is mostly something else is left alone.
  return reading.count >= total / 2 ? reading : undefined;
}

/** Whether a word and one of the readings of the next make a term of their own. */
const partOfName = (first: string, readings: readonly Tagged[], net: WordNet) =>
  readings.some(({ lemma }) => net.senses(`${first} ${lemma}`).length > 0);

/** Whether a word is an adjective more often than a noun. */
function isAdjective(word: string, net: WordNet): boolean {
  const [most] = readingsOf(word, net).sort((x, y) => y.count - x.count);
  return most?.pos === 'adj';
}

/** What a word may be, with how often each was met. */
function readingsOf(word: string, net: WordNet): (Tagged & { count: number })[] {
  const same = (lemma: string) => lemma;
  const plural = (lemma: string) => pluralOf({ name: lemma, kind: 'singular' });
  const forms: [lemma: string, pos: PartOfSpeech, inflect: (lemma: string) => string][] = [
    ...(['noun', 'adj', 'adv', 'verb'] as const).map((pos) => [word, pos, same] as [string, PartOfSpeech, typeof same]),
    ...singularOf(word).map((lemma) => [lemma, 'noun', plural] as [string, PartOfSpeech, typeof same]),
    ...verbsOfGerund(word).map((lemma) => [lemma, 'verb', gerundOf] as [string, PartOfSpeech, typeof same]),
  ];
  return forms.flatMap(([lemma, pos, inflect]) => {
    const senses = net.senses(lemma).filter((sense) => sense.pos === pos);
    if (senses.length === 0) return [];
    return [{ lemma, pos, inflect, count: 1 + senses.reduce((sum, { count }) => sum + count, 0) }];
  });
}

const isNoun = (word: string, net: WordNet) =>
  [word, ...singularOf(word)].some((lemma) => net.senses(lemma).some(({ pos }) => pos === 'noun'));

/** Words that must stay, with their plurals. */
export function protectedWords(texts: readonly string[]): ReadonlySet<string> {
  const words = texts.flatMap((text) => splitWords(text).words.map((word) => word.text.toLowerCase()));
  return new Set(words.flatMap((word) => [word, ...singularOf(word), pluralOf({ name: word, kind: 'singular' })]));
}

/** With the capital of the word that it takes the place of. */
export const likeCase = (word: string, model: string) =>
  /^\p{Lu}/u.test(model) ? word.charAt(0).toUpperCase() + word.slice(1) : word;
