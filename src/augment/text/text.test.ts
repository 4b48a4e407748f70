import { describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import { Random } from '../../math/random.js';
import { backTranslate, paraphrase, replaceSynonyms } from './index.js';
import { WordNet } from './wordnet.js';
import { splitWords, tag } from './words.js';

/** All that a text becomes in some draws. */
const outcomes = (change: (random: Random) => string, draws = 60) =>
  new Set(Array.from({ length: draws }, (_, i) => change(new Random('text', i))));
const always = { p: 1 };

describe('WordNet', () => {
  const net = WordNet.open();

  it('finds words at the ends of its index and between, and no others', () => {
    expect(net.senses('dog')[0]).toMatchObject({ pos: 'noun', rank: 1 });
    expect(net.senses('ice cream')).toHaveLength(1);
    expect(net.senses("'hood")).not.toEqual([]);
    expect(net.senses('zymurgy')).not.toEqual([]);
    for (const unknown of ['dogg', '', '%', 'zzzz', '!']) expect(net.senses(unknown)).toEqual([]);
  });

  it('reads synsets and what is above them', () => {
    const [car] = net.senses('car');
    const { words, hypernyms } = net.synset(car!);
    expect(words).toEqual(expect.arrayContaining(['car', 'auto', 'automobile', 'motorcar']));
    expect(net.synset({ pos: 'noun', offset: hypernyms[0]! }).words).toContain('motor vehicle');
  });
});

describe('parts of speech', () => {
  it.each([
    ['a small dog', 'small', 'adj'],
    ['two boxes under a table', 'boxes', 'noun'],
    ['a man painting a wall', 'painting', undefined],
    ['a dog chasing a cat', 'chasing', 'verb'],
    ['a hot dog', 'dog', undefined],
    ['an oil drum', 'drum', undefined],
    ['a photo of Paris', 'Paris', undefined],
    ['a red field', 'red', undefined],
    ['an office building', 'building', undefined],
  ])('%s: %s', (text, word, pos) => {
    const { words } = splitWords(text);
    const i = words.findIndex((one) => one.text === word);
    expect(tag(words, i, WordNet.open())?.pos).toBe(pos);
  });
});

describe('replaceSynonyms', () => {
  it('keeps number, capital and article right', () => {
    expect([...outcomes((r) => replaceSynonyms('Photographs of two cars.', r, always))]).toEqual(
      expect.arrayContaining(['Photos of two automobiles.']),
    );
    for (const text of outcomes((r) => replaceSynonyms('a photo of a car', r, always))) {
      expect(text).toMatch(/^an? \w+ of (?:an auto(?:mobile)?|a (?:motor)?car)$/);
    }
  });

  it('leaves the class alone, and all where p is 0', () => {
    const text = 'a small car in front of houses';
    for (const changed of outcomes((r) => replaceSynonyms(text, r, { p: 1, keep: ['car', 'house'] }))) {
      expect(changed).toBe('a little car in front of houses');
    }
    expect(replaceSynonyms(text, new Random(1), { p: 0 })).toBe(text);
  });

  it('replaces three words in ten, and depends on the key alone', () => {
    const draws = Array.from({ length: 600 }, (_, i) => replaceSynonyms('a small cat', new Random('p', i)));
    const share = draws.filter((text) => text !== 'a small cat').length / 600;
    // 0.3 within four standard deviations.
    expect(Math.abs(share - 0.3)).toBeLessThan(0.075);
    expect(replaceSynonyms('a small cat', new Random('p', 7))).toBe(draws[7]);
  });

  it('keeps marks and spaces', () => {
    expect(replaceSynonyms('  "Éclair" — 12 of them;  ok?', new Random(0), always)).toBe(
      '  "Éclair" — 12 of them;  ok?',
    );
    expect(replaceSynonyms('', new Random(0), always)).toBe('');
  });
});

describe('paraphrase', () => {
  it.each([
    ['a photo of a dog', 'a dog, shown in a photo'],
    ['a photo of a dog', 'a photo that shows a dog'],
    ['a cat on a mat.', 'on a mat, a cat.'],
    ['a cat left of two apples on a field', 'two apples right of a cat on a field'],
    ['a cup above a box on white snow', 'a box below a cup on white snow'],
    ['a box under a table', 'a table over a box'],
    ['a dog chasing a cat', 'a cat being chased by a dog'],
    ['A dog is chasing two cats.', 'Two cats are being chased by a dog.'],
    ['a girl wearing a hat', 'a hat being worn by a girl'],
    ['a cat', 'the cat'],
    ['a house', 'a dwelling'],
  ])('%s: %s', (text, other) => expect([...outcomes((r) => paraphrase(text, r))]).toContain(other));

  it('leaves the class word, and a text that no rule fits', () => {
    for (const text of outcomes((r) => paraphrase('a house', r, { keep: ['house'] }))) expect(text).toMatch(/house$/);
    expect(paraphrase('red', new Random(0))).toBe('red');
    expect(paraphrase('', new Random(0))).toBe('');
  });

  it('does not move what belongs to a part, nor turn what is not transitive', () => {
    const all = outcomes((r) => paraphrase('a picture of a doctor and a nurse in a house', r));
    expect([...all].filter((text) => text.startsWith('in a'))).toEqual([]);
    expect([...outcomes((r) => paraphrase('a bird flying above the sea', r))].join()).not.toContain('flown');
  });
});

describe('backTranslate', () => {
  it('goes through another language and back', () => {
    expect([...outcomes((r) => backTranslate('two automobiles on a road', r, always))]).toContain('two cars on a road');
    expect([...outcomes((r) => backTranslate('a bucket', r, { p: 1, language: 'da' }))]).toEqual(['a pail']);
  });

  it('keeps the class, and what has no name there', () => {
    expect(backTranslate('an automobile', new Random(0), { p: 1, keep: ['automobiles'] })).toBe('an automobile');
    expect(backTranslate('a thought', new Random(0), always)).toBe('a thought');
  });

  it('refuses other languages', () => {
    const unknown = { language: 'fi' as 'fr' };
    expect(() => backTranslate('a cat', new Random(0), unknown)).toThrow(UserError);
    expect(() => backTranslate('a cat', new Random(0), unknown)).toThrow('language fi: expected one of da, de, es');
  });
});
