import type { Random } from '../../math/index.js';
import { backTranslate, type PivotLanguage } from './back-translation.js';
import { paraphrase } from './paraphrase.js';
import type { Sayings } from './sayings.js';
import { replaceSynonyms } from './synonyms.js';

/** Options of {@link augmentText}: how often each kind of change is made. */
export interface TextAugmentOptions {
  /** Probability that a word becomes a synonym. */
  readonly synonyms: number;
  /** Probability that the text is said another way. */
  readonly paraphrase: number;
  /** Probability that a noun, or by models the text, becomes what it comes back as from another language. */
  readonly back_translation: number;
  readonly language: PivotLanguage;
}

/**
 * Says a text another way: paraphrase, back translation and synonyms, one after the other. It depends on text, options,
 * `keep`, `sayings` and the random stream's key alone.
 *
 * @param keep words that stay, such as the class name
 * @param sayings what models make of the text, instead of the rules; see `saidByModels`
 * @throws UserError for a pivot language that back translation does not know
 */
export function augmentText(
  text: string,
  options: TextAugmentOptions,
  random: Random,
  keep: readonly string[] = [],
  { translated, paraphrased }: Sayings = {},
): string {
  const { synonyms, back_translation, language } = options;
  let said = text;
  // Models know the text itself: they come before rules have changed it.
  if (translated && random.float() < back_translation) said = kept(said, translated, keep);
  if (random.float() < options.paraphrase) {
    said = paraphrased ? kept(said, paraphrased, keep) : paraphrase(said, random, { keep });
  }
  if (!translated && back_translation > 0) said = backTranslate(said, random, { p: back_translation, keep, language });
  if (synonyms > 0) said = replaceSynonyms(said, random, { p: synonyms, keep });
  return said;
}

/** What a model made of a text, where it has kept the words that stay. */
function kept(text: string, said: ReadonlyMap<string, string>, keep: readonly string[]): string {
  const other = said.get(text);
  if (other === undefined) return text;
  const has = (one: string, word: string) => one.toLowerCase().includes(word.toLowerCase());
  return keep.every((word) => !has(text, word) || has(other, word)) ? other : text;
}
