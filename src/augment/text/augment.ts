import type { Random } from '../../random.js';
import { backTranslate, type PivotLanguage } from './back-translation.js';
import { paraphrase } from './paraphrase.js';
import { replaceSynonyms } from './synonyms.js';

export interface TextAugmentOptions {
  /** Probability that a word becomes a synonym. */
  readonly synonyms: number;
  /** Probability that the text is said another way. */
  readonly paraphrase: number;
  /** Probability that a noun becomes what it comes back as from another language. */
  readonly back_translation: number;
  readonly language: PivotLanguage;
}

/**
 * Says a text another way: paraphrase, back translation and synonyms, one after the other. It depends on text, options,
 * `keep` and the random stream's key alone.
 *
 * @param keep words that stay, such as the class name
 */
export function augmentText(
  text: string,
  options: TextAugmentOptions,
  random: Random,
  keep: readonly string[] = [],
): string {
  const { synonyms, back_translation, language } = options;
  let said = text;
  if (random.float() < options.paraphrase) said = paraphrase(said, random, { keep });
  if (back_translation > 0) said = backTranslate(said, random, { p: back_translation, keep, language });
  if (synonyms > 0) said = replaceSynonyms(said, random, { p: synonyms, keep });
  return said;
}
