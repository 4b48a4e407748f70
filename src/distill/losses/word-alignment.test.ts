import { describe, expect, it } from 'vitest';
import { tokenizeAll } from '../../clip/tokenizer/tokenize-all.js';
import type { Tokenizer } from '../../clip/tokenizer/tokenizer.js';
import { otherTokenizer, tokenizer } from '../../test/colours.fixture.js';
import { alignWords, gatherSlots, type ReadTexts } from './word-alignment.js';

const texts = ['a red thing', 'a drawing of green stripes', 'unheard-of words', ''];
const read = (by: Tokenizer, limit = 40): ReadTexts => ({ ...tokenizeAll(by, texts, limit), tokenizer: by });

/** What stands in each slot of a text, its tokens put together. */
function words({ tokenizer: { json }, ids, length }: ReadTexts, slots: Int32Array, n: number): string[] {
  const names = Object.fromEntries(Object.entries(json.model.vocab).map(([name, id]) => [id, name]));
  const found: string[] = [];
  for (let l = 0; l < length; l++) {
    const slot = slots[n * length + l]!;
    if (slot >= 0) found[slot] = `${found[slot] ?? ''}${names[ids[n * length + l]!]}`;
  }
  return found;
}

describe('alignWords', () => {
  const [student, teacher] = [read(otherTokenizer), read(tokenizer)];

  it('puts the tokens of a word into one slot, the same for both', () => {
    const { count, student: own, teacher: theirs } = alignWords(texts, student, teacher);
    expect(words(student, own, 1)).toEqual([
      '<|startoftext|>',
      '<|endoftext|>',
      ...['a</w>', 'drawing</w>', 'of</w>', 'green</w>', 'stripes</w>'],
    ]);
    for (const n of texts.keys()) expect(words(student, own, n)).toEqual(words(teacher, theirs, n));
    expect(words(student, own, 2)).toHaveLength(2 + 4);
    expect(count).toBe(2 + 5);
    expect([...own]).not.toEqual([...theirs]);

    const matrix = new Float32Array(2 * student.length * count).fill(7);
    gatherSlots(own, student.length, count, [3, 0], matrix);
    const sums = Array.from({ length: 2 * student.length }, (_, token) =>
      matrix.subarray(token * count, (token + 1) * count).reduce((a, b) => a + b, 0),
    );
    const tokens = (n: number) => Array.from({ length: student.length }, (_, l) => (l <= student.ends[n]! ? 1 : 0));
    expect(sums).toEqual([...tokens(3), ...tokens(0)]);
  });

  it('leaves out words that one model’s limit cut off', () => {
    const short = read(otherTokenizer, 6);
    const { student: own, teacher: theirs } = alignWords(texts, short, teacher);
    for (const n of texts.keys()) expect(words(short, own, n)).toEqual(words(teacher, theirs, n));
    expect(words(short, own, 1).length).toBeLessThan(2 + 5);
  });

  it('refuses tokenizers whose words differ, or that do not mark them', () => {
    const rewritten = (change: (name: string) => string): Tokenizer => {
      const vocab = Object.fromEntries(
        Object.entries(tokenizer.json.model.vocab).map(([name, id]) => [change(name), id]),
      );
      return { ...tokenizer, json: { ...tokenizer.json, model: { ...tokenizer.json.model, vocab } } };
    };
    const unmarked = rewritten((name) => name.replace('</w>', '@'));
    expect(() => alignWords(texts, student, { ...teacher, tokenizer: unmarked })).toThrow(
      /losses.cross_modal: .* do not both mark where a word ends \(the teacher's does not\): switch/,
    );
    const other = rewritten((name) => name.replace('r', 'R'));
    expect(() => alignWords(texts, student, { ...teacher, tokenizer: other })).toThrow(
      'split "a red thing" into different words',
    );
  });
});
