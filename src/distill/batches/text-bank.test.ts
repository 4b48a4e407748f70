import { expect, it } from 'vitest';
import type { Example } from '../../data/index.js';
import { dataset } from '../../test/colours.fixture.js';
import { listTexts } from './text-bank.js';

const captioned = (count: number): Example[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${i}`, captions: [`image ${i}`, 'the same of all'] }));

it('takes captions in the place of classes where there are none', () => {
  const { texts, classes, captions } = listTexts({ ...dataset, classes: [] }, captioned(3), ['a photo of a {}'], true);
  expect(texts).toEqual(['image 0', 'the same of all', 'image 1', 'image 2']);
  expect(classes).toEqual([[0], [2], [3]]);
  expect(captions.get('2')).toEqual([3, 1]);
});

it('takes no more of them than an image is quickly compared with, evenly', () => {
  const { classes } = listTexts({ ...dataset, classes: [] }, captioned(5000), ['{}'], true);
  expect(classes).toHaveLength(2048);
  expect(new Set(classes.map(([text]) => text)).size).toBe(2048);
});

it('says what to do where there are neither classes nor captions', () => {
  const bare = [{ id: '0', captions: [] }];
  expect(() => listTexts({ ...dataset, classes: [] }, bare, ['{}'], true)).toThrow(/name classes with \?classes=/);
  expect(() => listTexts({ ...dataset, classes: [] }, captioned(2), ['{}'], false)).toThrow(/found neither/);
});
