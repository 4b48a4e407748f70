import { expect, it } from 'vitest';
import { namesOf, withQuery } from './body.js';

it.each([
  ['cat,dog,truck', ['cat', 'dog', 'truck']],
  [' red fox , owl', ['red fox', 'owl']],
  ['"red, white and blue", dog', ['red, white and blue', 'dog']],
  ['a "so-called" cat,dog,', ['a "so-called" cat', 'dog']],
  ['"say ""hi"""', ['say "hi"']],
  ['cat', ['cat']],
  ['', []],
])('reads the names of %s', (list, names) => expect(namesOf(list)).toEqual(names));

it('takes fields of the address beside those of the body, each once', () => {
  const query = { classes: ['cat,dog'], top: ['2'], templates: ['a {}, a {}'] };
  expect(withQuery({ logits: true }, query)).toEqual({
    ...{ logits: true, classes: ['cat', 'dog'], top: 2, templates: ['a {}, a {}'] },
  });
  expect(() => withQuery({ top: 1 }, query)).toThrow('"top": expected once, got it in the address and the body');
});
