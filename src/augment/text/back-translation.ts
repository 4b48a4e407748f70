import { UserError } from '../../errors.js';
import { optionalPackage } from '../../files/index.js';
import type { Random } from '../../math/index.js';
import { mainSense, type ReplaceOptions, replaceWords } from './synonyms.js';
import type { WordNet } from './wordnet.js';

/** CLDR's languages of emojibase-data that are written with spaces between words. */
export const pivotLanguages = ['da', 'de', 'es', 'fr', 'it', 'nl', 'pl', 'pt', 'ru', 'sv'] as const;
/** A language that texts are translated to and back from. */
export type PivotLanguage = (typeof pivotLanguages)[number];

interface Entry {
  readonly hexcode: string;
  readonly label: string;
  readonly tags?: readonly string[];
  readonly group?: number;
}

/** How alike two terms' concepts have to be for one to translate the other: Dice's coefficient. */
const least = 0.25;
/** Groups of things: animals, food, travel, activities, objects. */
const things = new Set([3, 4, 5, 6, 7]);

/**
 * A dictionary learned from the names and keywords that CLDR gives the same concepts in two languages: a term translates
 * as the one that shares its concepts, 2 |A ∩ B| / (|A| + |B|).
 */
class Dictionary {
  private readonly concepts: [english: Map<string, Set<string>>, foreign: Map<string, Set<string>>];
  private readonly terms: [english: Map<string, string[]>, foreign: Map<string, string[]>];

  constructor(language: PivotLanguage) {
    const [english, foreign] = ['en', language].map(readTerms);
    this.terms = [english!, foreign!];
    this.concepts = [invert(english!), invert(foreign!)];
  }

  /** English terms that a term comes back as, the likelier first; never itself. */
  roundTrip(term: string): string[] {
    const there = this.translate(term, 0).slice(0, 2);
    const back = there.flatMap(({ term: foreign }) => this.translate(foreign, 1));
    const best = [...back].sort((a, b) => b.alike - a.alike).map((one) => one.term);
    return [...new Set(best)].filter((one) => one !== term);
  }

  /** @param from 0: English to the other language; 1: back */
  private translate(term: string, from: 0 | 1): { term: string; alike: number }[] {
    const own = this.concepts[from].get(term);
    if (!own) return [];
    const to = from === 0 ? 1 : 0;
    const near = new Set([...own].flatMap((concept) => this.terms[to].get(concept) ?? []));
    return [...near]
      .map((other) => {
        const theirs = this.concepts[to].get(other)!;
        const shared = [...own].filter((concept) => theirs.has(concept)).length;
        return { term: other, alike: (2 * shared) / (own.size + theirs.size) };
      })
      .filter(({ alike }) => alike >= least)
      .sort((a, b) => b.alike - a.alike || (a.term < b.term ? -1 : 1));
  }
}

/** For each concept its name and keywords, in small letters. */
function readTerms(language: string): Map<string, string[]> {
  const entries = optionalPackage(`emojibase-data/${language}/data.json`, 'Translations', [
    'emojibase-data',
  ]) as readonly Entry[];
  const named = entries.filter(({ group }) => things.has(group ?? -1));
  return new Map(
    named.map(({ hexcode, label, tags }) => [hexcode, [label, ...(tags ?? [])].map((t) => t.toLowerCase())]),
  );
}

function invert(terms: ReadonlyMap<string, readonly string[]>): Map<string, Set<string>> {
  const concepts = new Map<string, Set<string>>();
  for (const [concept, own] of terms) {
    for (const term of own) concepts.set(term, (concepts.get(term) ?? new Set()).add(concept));
  }
  return concepts;
}

const dictionaries = new Map<PivotLanguage, Dictionary>();

/** Options of {@link backTranslate}. */
export interface BackTranslateOptions extends ReplaceOptions {
  /** The language gone through. @defaultValue 'fr' */
  readonly language?: PivotLanguage;
}

/**
 * Back translation without a model: nouns are looked up in another language's CLDR names and keywords of things, and back.
 * Keywords also hold what a thing is for, so of what comes back only what WordNet knows as the same or as directly above
 * it is taken. What has no such name stays. It depends on text, options and the random stream's key alone.
 *
 * @throws UserError for a language that it does not go through
 */
export function backTranslate(
  text: string,
  random: Random,
  { language = 'fr', p = 0.3, keep = [] }: BackTranslateOptions = {},
): string {
  if (!pivotLanguages.includes(language)) {
    throw new UserError(`language ${language}: expected one of ${pivotLanguages.join(', ')}`);
  }
  const dictionary = dictionaries.get(language) ?? new Dictionary(language);
  dictionaries.set(language, dictionary);
  return replaceWords(text, random, p, keep, ({ lemma, pos }, net) =>
    pos === 'noun' ? dictionary.roundTrip(lemma).filter((term) => isA(lemma, term, net)) : [],
  );
}

/** Whether the main meaning of a noun is that of another, or directly below it. */
function isA(a: string, b: string, net: WordNet): boolean {
  const [first, second] = [mainSense(a, 'noun', net), mainSense(b, 'noun', net)];
  if (!first || !second) return false;
  return first.offset === second.offset || net.synset(first).hypernyms.includes(second.offset);
}
