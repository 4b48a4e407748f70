import { expect, it } from 'vitest';
import { Random } from '../../../math/index.js';
import { statementOf } from '../zero-shot/statements.js';
import { questionsOf, type SceneFacts } from './programs.js';

const words = { names: ['ant', 'cat', 'dog', 'egg'], colours: ['blue', 'red'] };
const scene: SceneFacts = {
  kinds: [
    { name: 'cat', colour: 'red', count: 2 },
    { name: 'dog', colour: 'red', count: 1 },
  ],
  relation: 'left of',
};

it('asks what the scene answers, whichever way the lot falls', () => {
  const asked = new Map(
    Array.from({ length: 40 }, (_, i) => questionsOf(scene, words, new Random('programs', i)))
      .flat()
      .map(({ question, answer }) => [question, answer]),
  );
  const expected = {
    ...{ 'how many cats?': '2', 'how many dogs?': '1', 'how many ants?': '0', 'how many things?': '3' },
    ...{ 'what colour are the cats?': 'red', 'what colour is the dog?': 'red' },
    ...{ 'is there a red cat?': 'yes', 'is there a blue dog?': 'no' },
    ...{ 'are the cats left of the dog?': 'yes', 'are the cats right of the dog?': 'no' },
    ...{ 'is the dog right of the cats?': 'yes', 'is the dog left of the cats?': 'no' },
    ...{ 'what is left of the dog?': 'cat', 'what is right of the cats?': 'dog' },
    ...{ 'as many cats and dogs?': 'no', 'same colour cats and dog?': 'yes' },
    ...{ 'more cats than dogs?': 'yes', 'more dogs than cats?': 'no' },
  };
  for (const [question, answer] of Object.entries(expected))
    expect([question, asked.get(question)]).toEqual([question, answer]);
});

it.each([
  ['is there a cat?', 'yes', 'a cat'],
  ['is there a cat?', 'no', 'no cat'],
  ['how many cats are there?', '2', 'two cats'],
  ['How many cats?', '0', 'no cats'],
  ['what color is the cat?', 'red', 'a red cat'],
  ['what colour are the cats?', 'red', 'red cats'],
  ['what is left of the dog?', 'cat', 'a cat left of a dog'],
  ['is the cat above the dog?', 'no', 'the cat below the dog'],
  ['more cats than dogs?', 'no', 'few cats and many dogs'],
  ['is the man smiling?', 'no', 'not the man smiling'],
  ['why?', 'fun', 'question: why? answer: fun'],
])('makes a statement of %s %s', (question, answer, statement) => {
  expect(statementOf(question, answer)).toBe(statement);
});
