import { expect, it } from 'vitest';
import { wordWrap } from './word-wrap.js';

it('cuts between words, below the text behind a label', () => {
  expect(wordWrap('device     cpu', 80)).toEqual(['device     cpu']);
  expect(wordWrap('chosen     Student: two layers of width 56', 25)).toEqual([
    'chosen     Student: two',
    '           layers of',
    '           width 56',
  ]);
  expect(wordWrap('     larger, or of more layers', 20)).toEqual(['     larger, or of', '     more layers']);
  expect(wordWrap('a sentence without one, of two lines', 24)).toEqual(['a sentence without one,', 'of two lines']);
  expect(wordWrap('see https://example.com/a/long/address', 20)).toEqual(['see', 'https://example.com/a/long/address']);
});
