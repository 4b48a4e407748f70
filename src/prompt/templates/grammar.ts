import { mendArticles } from '../../english/index.js';
import type { ValueSlot } from './syntax.js';

/** A language of the template library. */
export type Language = 'en' | 'zh';

/** Templates of one shape: every choice of every `<part>` in the pattern is one. */
export interface Rule {
  readonly tags: readonly string[];
  readonly pattern: string;
}

/** How the templates of a domain are made, and what its slots may hold. */
export interface DomainGrammar {
  readonly domain: string;
  readonly language: Language;
  /** What a `<part>` of a pattern may be; '' leaves it out. */
  readonly parts: Readonly<Record<string, readonly string[]>>;
  readonly rules: readonly Rule[];
  readonly values: Readonly<Partial<Record<ValueSlot, readonly string[]>>>;
}

/** All texts of a pattern, the last part changing first. */
export function expand(pattern: string, parts: DomainGrammar['parts']): string[] {
  const found = /<([a-z ]+)>/.exec(pattern);
  if (!found) return [tidy(pattern)];
  const [whole, name] = found;
  const choices = parts[name!];
  if (!choices) throw new Error(`template grammar: pattern ${JSON.stringify(pattern)} has an unknown part <${name}>`);
  const [before, after] = [pattern.slice(0, found.index), pattern.slice(found.index + whole!.length)];
  return choices.flatMap((choice) => expand(before + choice + after, parts));
}

/** One space between words, none before a mark, and a or an by the next word's sound. */
function tidy(text: string): string {
  return mendArticles(
    text
      .replace(/\s+/g, ' ')
      .replace(/ (?=[.,?!])/g, '')
      .trim(),
  );
}

/** What two templates share that say the same: capitals, marks, spaces and the choice of a or an do not count. */
export function normalised(template: string): string {
  return template
    .toLowerCase()
    .replace(/[^\p{L}\p{N}[\]|]+/gu, ' ')
    .replace(/\ban(?= )/g, 'a')
    .trim();
}
