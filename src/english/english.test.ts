import { describe, expect, it } from 'vitest';
import { articleOf, gerundOf, nounOf, participleOf, pluralOf, singularOf, verbsOfGerund } from './index.js';

describe('nouns', () => {
  it.each([
    [
      'a',
      'university',
      'European city',
      'one-way sign',
      'T-Rex',
      'USB stick',
      'NASA rocket',
      'ewe',
      'yo-yo',
      '1st place',
    ],
    [
      'an',
      'umbrella',
      'honest man',
      'heirloom',
      'X-ray',
      'LED lamp',
      '8 ball',
      '11-speed bike',
      'unidentified object',
      'élan',
    ],
  ])('says %s before certain words', (article, ...phrases) => {
    for (const phrase of phrases) expect([phrase, articleOf(phrase)]).toEqual([phrase, article]);
  });

  it.each([
    ['box', 'boxes'],
    ['cherry', 'cherries'],
    ['monkey', 'monkeys'],
    ['computer mouse', 'computer mice'],
    ['fireman', 'firemen'],
    ['jellyfish', 'jellyfish'],
    ['leaf fluttering in wind', 'leaves fluttering in wind'],
    ['glass of milk', 'glasses of milk'],
    ['trousers', 'trousers'],
    ['broccoli', 'broccoli'],
    ['bus', 'buses'],
  ])('many of %s are %s', (one, many) => expect(pluralOf(nounOf(one))).toBe(many));

  it.each([
    ['boxes', ['box']],
    ['apples', ['apple']],
    ['cherries', ['cherry']],
    ['firemen', ['fireman']],
    ['mice', ['mouse']],
    ['glass', []],
  ])('%s may be many of %j', (many, ones) => expect(singularOf(many).slice(0, 1)).toEqual(ones));
});

describe('verbs', () => {
  it.each([
    ['make', 'making', 'made'],
    ['chase', 'chasing', 'chased'],
    ['play', 'playing', 'played'],
    ['carry', 'carrying', 'carried'],
    ['tie', 'tying', 'tied'],
    ['eat', 'eating', 'eaten'],
    ['hold', 'holding', 'held'],
    ['hug', 'hugging', 'hugged'],
  ])('%s: %s, %s', (verb, gerund, participle) => {
    expect(gerundOf(verb)).toBe(gerund);
    expect(participleOf(verb)).toBe(participle);
    expect(verbsOfGerund(gerund)).toContain(verb);
  });

  it('know what is no gerund', () => expect([verbsOfGerund('cat'), verbsOfGerund('ing')]).toEqual([[], []]));
});
