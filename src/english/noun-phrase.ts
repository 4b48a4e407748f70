import { UserError } from '../errors.js';
import {
  doings,
  invariant,
  irregularPlurals,
  massNouns,
  plainPlurals,
  pluralInUsOrIs,
  singularInS,
  thingsInIng,
} from './nouns.js';

/** A class name as a noun: how it takes articles and verbs. */
export interface Noun {
  /** Without an article: `apple`, `grapes`, `Eiffel Tower`. */
  readonly name: string;
  /** `singular` takes a or an; `plural` and `mass` take nothing; `proper` keeps the article it came with, or none. */
  readonly kind: 'singular' | 'plural' | 'mass' | 'proper';
  /** The article that a name brought with it. */
  readonly determiner?: string;
}

const determiners = /^(a|an|the|my|your|our|his|her|its|their|some|this|that|these|those|several)\s+(?=\S)/i;
const prepositions =
  /\s(?:of|with|in|on|at|for|to|from|without|under|over|by|behind|beside|between|against|showing|wearing|holding)\s/;

/**
 * What kind of noun a class name is, from its head: the last word before a preposition. A name that the rules take
 * wrongly is given as a {@link Noun}.
 *
 * @throws UserError for an empty name
 */
export function nounOf(given: string): Noun {
  const text = given.trim().replace(/[\s_]+/g, ' ');
  if (text === '') throw new UserError('class name: expected a word, got an empty one');
  const determiner = determiners.exec(text)?.[1];
  if (determiner) return { name: text.slice(determiner.length).trim(), kind: 'proper', determiner };
  if (/^(Mount|Mt\.?|Saint|St\.) /.test(text)) return { name: text, kind: 'proper' };
  return { name: text, kind: kindOf(text) };
}

function kindOf(name: string): 'singular' | 'plural' | 'mass' {
  if (isDoing(name)) return 'mass';
  const head = headOf(name).word.toLowerCase();
  if (massNouns.has(head) || /(?:itis|osis|aemia|emia)$/.test(head)) return 'mass';
  if (plainPlurals.has(head)) return 'plural';
  if (!head.endsWith('s') || head.length < 3 || singularInS.has(head) || head.endsWith('ss')) return 'singular';
  if (/(?:us|is)$/.test(head)) return pluralInUsOrIs.has(head) ? 'plural' : 'singular';
  return invariant.has(head) ? 'singular' : 'plural';
}

const isDoingWord = (word: string) => /...ing$/.test(word) && !word.endsWith('ling') && !thingsInIng.has(word);

/** Whether a name begins with what somebody does: `surfing`, `playing guitar`; not `building`. */
export function beginsWithDoing(name: string): boolean {
  return isDoingWord(name.toLowerCase().split(' ')[0]!);
}

/** Whether the whole name is a doing: `surfing`, `riding a horse`, `wood carving`; not `rolling pin`. */
function isDoing(name: string): boolean {
  const [first = '', second = ''] = name.toLowerCase().split(' ');
  if (isDoingWord(headOf(name.toLowerCase()).word)) return true;
  return isDoingWord(first) && (doings.has(first) || /^(?:a|an|the|in|on|with|at|to|up|down)$/.test(second));
}

/** The word that a name's number hangs on, and its place. */
function headOf(name: string): { word: string; from: number; to: number } {
  const cut = prepositions.exec(name)?.index ?? -1;
  // "ear of corn" has its head before the preposition; "of mice" has none there.
  const before = name.slice(0, cut > 0 ? cut : name.length);
  // Nor is it the doing of "leaf fluttering in wind".
  const to = (cut > 0 && / \S+ing$/.exec(before)?.index) || before.length;
  const from = name.lastIndexOf(' ', to - 1) + 1;
  return { word: name.slice(from, to), from, to };
}

/** With a or an where it takes one: `an apple`, `grapes`, `rice`, `the Eiffel Tower`; words before it count. */
export function indefinite({ name, kind, determiner }: Noun, before = ''): string {
  const phrase = before ? `${before} ${name}` : name;
  if (determiner) return `${determiner} ${phrase}`;
  return kind === 'singular' ? `${articleOf(phrase)} ${phrase}` : phrase;
}

/** Many of it: `apples`, `ears of corn`, `grapes`; `rice` as it is. */
export function pluralOf({ name, kind }: Noun): string {
  if (kind !== 'singular') return name;
  const { word, from, to } = headOf(name);
  return name.slice(0, from) + pluralWord(word) + name.slice(to);
}

function pluralWord(word: string): string {
  const lower = word.toLowerCase();
  const irregular = irregularPlurals[lower];
  if (irregular) return word === lower ? irregular : irregular[0]!.toUpperCase() + irregular.slice(1);
  if (invariant.has(lower) || /(?:fish|craft)$/.test(lower)) return word;
  if (/[a-z]man$/.test(lower)) return `${word.slice(0, -2)}en`;
  if (/[^aeiou]y$/.test(lower)) return `${word.slice(0, -1)}ies`;
  if (/[a-z]sis$/.test(lower)) return `${word.slice(0, -2)}es`;
  if (/(?:s|x|z|ch|sh)$/.test(lower)) return `${word}es`;
  return `${word}s`;
}

/** Every a and an of a text by the sound of the word after it; before a bracket, which is open, it is left. */
export function mendArticles(text: string): string {
  return text.replace(
    /\b([Aa])n? (?=([\p{L}\d]\S*))/gu,
    (_, a: string, next: string) => `${a}${articleOf(next).slice(1)} `,
  );
}

/** Letters whose names begin with a vowel. */
const vowelNames = /^[aefhilmnorsx]/i;

/** `a` or `an`, by the sound that the first word begins with. */
export function articleOf(phrase: string): 'a' | 'an' {
  const word = /[\p{L}\d][\p{L}\d.'’-]*/u.exec(phrase)?.[0] ?? '';
  if (/^\d/.test(word)) return /^(?:8|1[18](?!\d))/.test(word) ? 'an' : 'a';
  // Read letter by letter: X-ray, MRI, HTML; but NASA is a word.
  const [stem = ''] = word.split(/[-.]/);
  const spelt = (stem.length === 1 && word.length > 1) || /^(?:[A-Z]{2,3}|[B-DF-HJ-NP-TV-Z]+)s?$/.test(stem);
  if (spelt) return vowelNames.test(stem) ? 'an' : 'a';
  const lower = word.toLowerCase();
  if (/^(?:hour|honest|honou?r|heir)/.test(lower)) return 'an';
  // "you" and "w" sounds.
  if (
    /^(?:uni(?!n|m[^o]|d)|us(?:e|u|b)|uti|uter|ura|urin|ubi|ufo|uku|eu|ew|uro|ut[oe]p|one(?![ir])|once|ouija)/.test(
      lower,
    )
  )
    return 'a';
  return /^[aeiouàáâäåæèéêëìíîïòóôöøùúûü]/.test(lower) ? 'an' : 'a';
}
