import { type TokenizedTexts, type Tokenizer, vocabulary } from '../../clip/index.js';
import { UserError } from '../../errors.js';

/** A model's texts as its tokenizer cut them. */
export interface ReadTexts extends TokenizedTexts {
  readonly tokenizer: Tokenizer;
}

/** Which word each token belongs to, in texts that two tokenizers cut differently: attention to a word is comparable. */
export interface WordAlignment {
  /** Slots of the longest text, W: the start token's, the end token's, then one a word. */
  readonly count: number;
  /** Slot of each of the student's tokens [texts, L]; −1 for padding and for words that only one model's limit left in. */
  readonly student: Int32Array;
  /** The same of the teacher's tokens. */
  readonly teacher: Int32Array;
}

const END_OF_WORD = '</w>';

/**
 * Aligns the words of texts that both tokenizers split into the same words, as CLIP's byte-level BPE does whatever its
 * vocabulary.
 *
 * @throws UserError where they do not, or do not say where a word ends
 */
export function alignWords(texts: readonly string[], student: ReadTexts, teacher: ReadTexts): WordAlignment {
  const [own, read] = [wordsOf(student, 'student'), wordsOf(teacher, 'teacher')];
  let count = 2;
  for (const [n, text] of texts.entries()) {
    const [a, b] = [own(n), read(n)];
    const common = Math.min(a.length, b.length);
    const parted = a.slice(0, common).findIndex((word, i) => word !== b[i]);
    if (parted >= 0) throw refused(`split ${JSON.stringify(text)} into different words`);
    count = Math.max(count, 2 + common);
  }
  const common = texts.map((_, n) => Math.min(own(n).length, read(n).length));
  return { count, student: slotsOf(student, common), teacher: slotsOf(teacher, common) };
}

/** For each text of the named rows a matrix of ones and zeros from tokens to slots, into `out` [rows, length, count]. */
export function gatherSlots(
  slots: Int32Array,
  length: number,
  count: number,
  rows: readonly number[],
  out: Float32Array,
): void {
  out.fill(0);
  for (const [i, row] of rows.entries()) {
    for (let l = 0; l < length; l++) {
      const slot = slots[row * length + l]!;
      if (slot >= 0) out[(i * length + l) * count + slot] = 1;
    }
  }
}

/** The whole words of a text, one whose end was cut off left out. */
function wordsOf({ tokenizer, ids, ends, length }: ReadTexts, whose: string): (n: number) => string[] {
  const names = tokenNames(tokenizer);
  if (!names.some((name) => name.endsWith(END_OF_WORD))) {
    throw refused(`do not both mark where a word ends (the ${whose}'s does not)`);
  }
  return (n) => {
    const pieces = [...ids.subarray(n * length + 1, n * length + ends[n]!)].map((id) => names[id] ?? '');
    return pieces.join('').split(END_OF_WORD).slice(0, -1);
  };
}

function slotsOf({ tokenizer, ids, ends, length }: ReadTexts, words: readonly number[]): Int32Array {
  const names = tokenNames(tokenizer);
  const slots = new Int32Array(ids.length).fill(-1);
  for (const [n, common] of words.entries()) {
    slots[n * length] = 0;
    slots[n * length + ends[n]!] = 1;
    let word = 0;
    for (let l = 1; l < ends[n]! && word < common; l++) {
      slots[n * length + l] = 2 + word;
      if (names[ids[n * length + l]!]!.endsWith(END_OF_WORD)) word++;
    }
  }
  return slots;
}

/** The tokens' texts by id. */
function tokenNames({ json }: Tokenizer): string[] {
  const names: string[] = [];
  for (const [name, id] of vocabulary(json)) names[id] = name;
  return names;
}

function refused(how: string): UserError {
  return new UserError(
    `losses.cross_modal: it compares attention word by word, but the tokenizers of teacher and student ${how}: ` +
      'switch losses.cross_modal.enabled off',
  );
}
