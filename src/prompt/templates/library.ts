import { closest, UserError } from '../../errors.js';
import { Random } from '../../math/index.js';
import { grammars } from './domains/index.js';
import { type DomainGrammar, expand, type Language, normalised } from './grammar.js';
import { fillSlots, type SlotValues, type ValueSlot, valueSlotsOf } from './syntax.js';

/** A text with slots, one of which the class name fills. */
export interface PromptTemplate {
  /** `domain/number`, stable as long as the domain's grammar is. */
  readonly id: string;
  readonly text: string;
  readonly domain: string;
  readonly language: Language;
  readonly tags: readonly string[];
  /** Slots beside the class name. */
  readonly slots: readonly ValueSlot[];
}

/** What templates of the library are for: photos, drawings, food, … */
export const promptDomains: readonly string[] = [...new Set(grammars.map(({ domain }) => domain))];

let made: readonly PromptTemplate[] | undefined;

/** The whole library; of templates that say the same in the end only the first is in it. */
export function templateLibrary(): readonly PromptTemplate[] {
  made ??= makeLibrary();
  return made;
}

function makeLibrary(): PromptTemplate[] {
  const seen = new Set<string>();
  return grammars.flatMap(({ domain, language, parts, rules }) => {
    const prefix = language === 'en' ? domain : `${domain}-${language}`;
    const texts = rules.flatMap(({ tags, pattern }) => expand(pattern, parts).map((text) => ({ text, tags })));
    const fresh = texts.filter(({ text }) => {
      const key = normalised(text);
      return !seen.has(key) && seen.add(key);
    });
    return fresh.map(({ text, tags }, i) => ({
      id: `${prefix}/${i + 1}`,
      text,
      domain,
      language,
      tags,
      slots: valueSlotsOf(text),
    }));
  });
}

/** Which templates of the library are meant; left out: all. */
export interface TemplateFilter {
  readonly domains?: readonly string[];
  readonly tag?: string;
  /** @defaultValue 'en' */
  readonly language?: Language;
}

/** The templates of some domains. @throws UserError for an unknown domain or tag, with the nearest */
export function findTemplates({ domains, tag, language = 'en' }: TemplateFilter = {}): PromptTemplate[] {
  for (const domain of domains ?? []) known('domain', domain, promptDomains);
  const found = templateLibrary().filter(
    (template) => template.language === language && (domains?.includes(template.domain) ?? true),
  );
  if (found.length === 0)
    throw new UserError(`domain ${domains!.join(', ')}: no templates in ${language}; general has some`);
  if (tag === undefined) return found;
  known('tag', tag, [...new Set(found.flatMap(({ tags }) => tags))]);
  return found.filter(({ tags }) => tags.includes(tag));
}

function known(what: string, name: string, names: readonly string[]): void {
  if (names.includes(name)) return;
  const near = closest(name, names);
  throw new UserError(
    `${what} ${name}: not in the library; ${near ? `did you mean ${near}?` : `it has ${names.join(', ')}`}`,
  );
}

/** What the slots of a template may hold. */
export function slotChoices(template: PromptTemplate): Readonly<Partial<Record<ValueSlot, readonly string[]>>> {
  const { values } = grammarOf(template);
  return Object.fromEntries(template.slots.map((slot) => [slot, values[slot] ?? []]));
}

function grammarOf({ domain, language }: PromptTemplate): DomainGrammar {
  return grammars.find((grammar) => grammar.domain === domain && grammar.language === language)!;
}

/** One value a slot, drawn at random. */
export function drawSlots(template: PromptTemplate, random: Random): SlotValues {
  return Object.fromEntries(Object.entries(slotChoices(template)).map(([slot, values]) => [slot, random.pick(values)]));
}

/**
 * The template with slots drawn from its own stream of the seed; the class name stays open.
 *
 * @throws UserError for a slot that has no values to draw from
 */
export function drawTemplate(template: PromptTemplate, seed: number): string {
  return fillSlots(template.text, drawSlots(template, new Random(seed, 'slots', template.id)));
}
