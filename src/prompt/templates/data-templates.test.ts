import { expect, it } from 'vitest';
import { dataset as colours } from '../../test/colours.fixture.js';
import { areFar, classText, dataTemplates, trainingTemplates, withClassCaptions } from './index.js';

it.each([
  ['cat', 'a photo of a cat'],
  ['apple', 'a photo of an apple'],
  ['a cat', 'a photo of a cat'],
  ['the Eiffel Tower', 'a photo of the Eiffel Tower'],
  ['grapes', 'a photo of grapes'],
])('calls %s %s where the images are photos', (name, text) => {
  expect(dataTemplates().map((template) => classText(template, name))).toEqual([text]);
});

it('trains with the templates given, else with those of the data, else with those of a model that learned others', () => {
  const drawings = { kind: 'drawings' } as const;
  expect(trainingTemplates(['{}'], drawings, ['a sketch of {}'])).toEqual(['{}']);
  expect(trainingTemplates(undefined, drawings)).toEqual(['a drawing of {}']);
  expect(trainingTemplates(undefined, {})).toEqual(['a photo of [OBJ]']);
  expect(trainingTemplates(undefined, {}, ['a good photo of the {}.'])).toEqual(['a photo of [OBJ]']);
  expect(trainingTemplates(undefined, {}, ['a sketch of {}'])).toEqual(['a sketch of {}']);
});

it.each([
  [['a photo of {}'], ['a photo of a {}.'], false],
  [['a photo of {}'], ['a small photo of the [OBJ]'], false],
  [['a drawing of {}', '{}'], ['{}'], false],
  [['a photo of {}'], ['a drawing of {}'], true],
  [['{}'], ['a photo of [OBJ]'], true],
  [['a centred satellite photo of {}'], ['a photo of {}'], true],
])('%j is far from %j: %s', (one, other, far) => {
  expect([areFar(one, other), areFar(other, one)]).toEqual([far, far]);
});

it('makes the captions that are made of class names by the templates, and leaves those of the data', () => {
  const splits = {
    train: [
      { id: 'own', label: 0, captions: ['a bright thing'] },
      { id: 'made', label: 1, captions: ['a photo of gold', 'gold'], captionsMade: true as const },
    ],
  };
  const name = colours.classes[1]!.name;
  const made = withClassCaptions({ ...colours, splits }, ['the {} one', '{}']).splits.train!;
  expect(made.map(({ captions }) => captions)).toEqual([['a bright thing'], [`the ${name} one`, name]]);
  expect(withClassCaptions(colours, ['{}'])).toBe(colours);
});
