import { contractions } from './contractions.js';

const marks = [...';/[]"{}()=+\\_-><@`,?!'];
const numbers = new Map(
  [...'none zero one two three four five six seven eight nine ten'.split(' ').entries()].map(([i, word]) => [
    word,
    String(Math.max(0, i - 1)),
  ]),
);
const articles = new Set(['a', 'an', 'the']);

/** Periods that are taken away at most: the official code hands over `re.UNICODE`, which is 32, as the count. */
const mostPeriods = 32;

/** An answer as it is read from a file: line breaks and tabs become spaces, and its ends are trimmed. */
export const plainAnswer = (text: string): string => text.replace(/[\n\t]/g, ' ').trim();

/**
 * Punctuation as the official evaluation takes it away. A mark that touches a space anywhere in the text, or any mark of a text with
 * a comma between digits, vanishes; others become spaces. The look-behind for periods is mistyped there, so that every period
 * that no digit follows goes, also one behind a digit.
 */
export function withoutPunctuation(text: string): string {
  const hasComma = /[0-9],[0-9]/.test(text);
  let out = text;
  for (const mark of marks) {
    const vanishes = hasComma || text.includes(`${mark} `) || text.includes(` ${mark}`);
    out = out.replaceAll(mark, vanishes ? '' : ' ');
  }
  let periods = 0;
  return out.replace(/\.(?![0-9])/g, (period) => (periods++ < mostPeriods ? '' : period));
}

/** Lower case, numbers up to ten as digits, no articles, apostrophes put back. */
export function withoutArticles(text: string): string {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return words
    .map((word) => numbers.get(word) ?? word)
    .filter((word) => !articles.has(word))
    .map((word) => contractions.get(word) ?? word)
    .join(' ');
}

/**
 * An answer as the official evaluation (`vqaEval.py`) compares it where the human answers are not all the same: without
 * punctuation and articles, numbers up to ten as digits, contractions with their apostrophes.
 *
 * @example
 * console.log(normaliseAnswer('The two dogs.')); // 2 dogs
 */
export const normaliseAnswer = (text: string): string => withoutArticles(withoutPunctuation(plainAnswer(text)));
