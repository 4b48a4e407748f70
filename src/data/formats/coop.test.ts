import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { put } from '../../test/images.fixture.js';
import { openDataset } from '../index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-coop-'));
});
afterEach(() => rm(folder, { recursive: true }));

const ids = (splits: Readonly<Record<string, readonly { id: string }[]>>) =>
  Object.fromEntries(Object.entries(splits).map(([name, examples]) => [name, examples.map(({ id }) => id)]));

it('reads a CoOp split: classes in the order of labels, the first ⌈n/2⌉ of them base', async () => {
  const entries = (split: string) => [
    [`tabby/${split}.png`, 1, 'tabby_cat'],
    [`zebra/${split}.png`, 0, 'zebra'],
    [`ant/${split}.png`, 2, 'ant'],
  ];
  const content = { train: entries('1'), val: entries('2'), test: [...entries('3'), ['../out.png', 0, 'zebra']] };
  await put(folder, 'split_zhou_OxfordPets.json', JSON.stringify(content));
  await put(folder, 'annotations/list.txt', 'x');
  for (const [path] of [...content.train, ...content.val, ...content.test])
    await put(folder, join('images', `${path}`));
  const all = await openDataset(`coop:${folder}`);
  expect(all.classes.map(({ name }) => name)).toEqual(['zebra', 'tabby cat', 'ant']);
  expect(all.splits.train![0]).toEqual({
    id: 'images/tabby/1.png',
    label: 1,
    captions: ['a photo of a tabby cat', 'tabby cat'],
    captionsMade: true,
  });
  const halved = await openDataset(`coop:${folder}?novel=half`);
  expect(halved.classes.map(({ novel }) => novel)).toEqual([false, false, true]);
  expect(ids(halved.splits)).toEqual({
    train: ['images/tabby/1.png', 'images/zebra/1.png'],
    val: ['images/tabby/2.png', 'images/zebra/2.png'],
    test: ['images/tabby/3.png', 'images/zebra/3.png', 'out.png'],
    novel: ['images/ant/3.png'],
  });
  expect(ids(halved.aside!)).toEqual({ train: ['images/ant/1.png'], val: ['images/ant/2.png'] });
  const inside = await openDataset(`coop:${folder}?images=${folder}/images`);
  expect(inside.skipped).toEqual([
    {
      id: '../out.png',
      reason: `its path leads out of ${folder}/images; name a folder that such paths may lead to with ?root=DIR behind --data`,
    },
  ]);
});

it('keeps two classes of one name apart, halves them by their labels, and keeps hyphens', async () => {
  const names = ['crane', 'polka-dotted', 'crane', 'sea_lion'];
  const entries = (split: string) => names.map((name, label) => [`${label}/${split}.png`, 10 * label, name]);
  for (const split of ['train', 'test']) for (const [path] of entries(split)) await put(folder, `${path}`);
  await put(folder, 'split_zhou_X.json', `\uFEFF${JSON.stringify({ train: entries('train'), test: entries('test') })}`);
  const { classes, splits, aside } = await openDataset(`coop:${folder}?novel=half`);
  expect(classes.map(({ name }) => name)).toEqual(['crane', 'polka-dotted', 'crane', 'sea lion']);
  expect(ids(splits)).toEqual({
    train: ['0/train.png', '1/train.png'],
    test: ['0/test.png', '1/test.png'],
    novel: ['2/test.png', '3/test.png'],
  });
  expect(ids(aside!)).toEqual({ train: ['2/train.png', '3/train.png'] });
});

it('reads ImageNet with CoOp’s class names; its validation images are the test split', async () => {
  await put(folder, 'classnames.txt', 'n01443537 goldfish\nn01440764 tench\n');
  for (const path of ['train/n01440764/1.png', 'val/n01443537/2.png', 'val/n00000000/3.png']) {
    await put(folder, `images/${path}`);
  }
  const { classes, splits, skipped } = await openDataset(`coop:${folder}`);
  expect(classes.map(({ name }) => name)).toEqual(['goldfish', 'tench']);
  expect(ids(splits)).toEqual({ train: ['images/train/n01440764/1.png'], test: ['images/val/n01443537/2.png'] });
  expect(skipped).toEqual([
    { id: 'images/val/n00000000/3.png', reason: 'it lies in no class folder of classnames.txt' },
  ]);
});

it.each([
  ['split_zhou_X.json', '{"train": [["a.png", "x", "a"]]}', 'split_zhou_X.json: train.0.1: expected'],
  ['split_zhou_X.json', '{"train": {}}', 'split_zhou_X.json: train: expected'],
  ['classnames.txt', 'tench\n', 'expected lines like "n01440764 tench", got "tench"'],
  ['other.json', '{}', 'expected split_zhou_<Name>.json, or classnames.txt of ImageNet, found neither'],
])('refuses %s of %s', async (name, content, message) => {
  await put(folder, name, content);
  await expect(openDataset(`coop:${folder}`)).rejects.toThrow(message);
});

it('skips entries that are none, takes labels below 0 as unlabelled, and lets the label count where names differ', async () => {
  const train = [['1.png', 0, 'cat'], ['2.png', '1', 'dog'], ['3.png', 0, 'Cat'], ['4.png', -1, ''], ['5.png', 1], 'x'];
  await put(folder, 'split_zhou_X.json', JSON.stringify({ train }));
  await put(folder, 'split_zhou_X copy.json', '{"train": []}');
  for (const i of [1, 2, 3, 4]) await put(folder, `a/b/${i}.png`);
  const { classes, splits, skipped, remarks } = await openDataset(`coop:${folder}`);
  expect(classes.map(({ name }) => name)).toEqual(['cat', 'dog']);
  expect(splits.train!.map(({ id, label }) => [id, label])).toEqual([
    ['a/b/1.png', 0],
    ['a/b/2.png', 1],
    ['a/b/3.png', 0],
    ['a/b/4.png', undefined],
  ]);
  expect(skipped.map(({ reason }) => reason)).toEqual([
    'train.4.2: expected string, got nothing',
    'train.5: expected tuple, got "x"',
  ]);
  expect(remarks!.map(({ examples: [first] }) => first)).toEqual([
    '3.png: 0 is cat',
    'split_zhou_X copy.json',
    'a/b/4.png: -1',
  ]);
});
