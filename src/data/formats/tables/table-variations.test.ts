import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { put } from '../../../test/images.fixture.js';
import { openDataset } from '../../index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-variations-'));
  for (const name of ['a.png', 'b.png', 'c.png', 'd.png']) await put(folder, name);
});
afterEach(() => rm(folder, { recursive: true }));

/** Class and captions by image, and what is said beside. */
async function read(name: string, content: string, options = '') {
  const spec = `${name.split('.')[1]}:${await put(folder, name, content)}${options}`;
  const { classes, splits, skipped, remarks } = await openDataset(spec);
  const said = Object.entries(splits).flatMap(([split, own]) =>
    own.map(({ id, label, captions, captionsMade }) => ({
      ...{ id, split },
      className: label === undefined ? undefined : classes[label]!.name,
      captions: captionsMade ? [] : captions,
    })),
  );
  said.sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    classes: classes.map(({ name }) => name),
    captions: said.map(({ captions }) => captions.join(' | ')),
    labels: said.map(({ className }) => className),
    splits: said.map(({ split }) => split),
    ids: said.map(({ id }) => id),
    skipped,
    remarks: remarks!.map(({ message, examples }) => `${message}: ${examples[0]}`),
  };
}

it.each([
  ['title case', 'Image Path,Image Caption,Class Label'],
  ['hyphens', 'image-path,image-caption,class-label'],
  ['dots', 'image.path,image.caption,class.name'],
  ['camel case', 'fileName,captionText,className'],
])('finds columns whose names are written in %s', async (_, header) => {
  const { captions, labels } = await read('x.csv', `${header}\na.png,one,cat\nb.png,two,dog\n`);
  expect([captions, labels]).toEqual([
    ['one', 'two'],
    ['cat', 'dog'],
  ]);
});

it.each([
  ['columns of one name', 'image,caption,caption\na.png,one,two\n'],
  ['numbered columns', 'image,caption 0,caption 1\na.png,one,two\n'],
  ['columns by length', 'image,short_caption,long_caption\na.png,one,two\n'],
  ['JSON lists in cells', 'image,captions\na.png,"[""one"", ""two""]"\n'],
  ['Python lists in cells', "image,captions\na.png,\"['one', 'two']\"\n"],
])('reads several captions from %s', async (_, content) => {
  expect((await read('x.csv', content)).captions).toEqual(['one | two']);
});

it('takes what pandas takes for missing as no class', async () => {
  const { labels } = await read('x.csv', 'image,label\na.png,cat\nb.png,None\nc.png,N/A\nd.png,\n');
  expect(labels).toEqual(['cat', undefined, undefined, undefined]);
});

it('takes numbers below 0 among names, and several classes in a cell, as no class, and counts them', async () => {
  const { classes, labels, remarks } = await read(
    'x.csv',
    'image,label\na.png,cat\nb.png,dog\nc.png,-1\nd.png,cat|dog\n',
  );
  expect([classes, labels]).toEqual([
    ['cat', 'dog'],
    ['cat', 'dog', undefined, undefined],
  ]);
  expect(remarks).toEqual([
    'images whose label is below 0: taken as unlabelled: c.png: -1',
    'images of several classes: taken as unlabelled: d.png: cat|dog',
  ]);
});

it('counts labels from 1 where they count the whole list so, and from 0 otherwise', async () => {
  const fromOne = await read('x.csv', 'image,label\na.png,1\nb.png,2\n', '?classes=cat,dog');
  expect(fromOne.labels).toEqual(['cat', 'dog']);
  expect(fromOne.remarks[0]).toBe('labels that count from 1: taken as places in the list of classes: 1: cat');
  const fromZero = await read('x.csv', 'image,label\na.png,1\nb.png,2\nc.png,0\n', '?classes=cat,dog');
  expect(fromZero.labels).toEqual(['dog', undefined, 'cat']);
});

it('names the classes of numbers by another column that has one name a number', async () => {
  const { classes, labels, remarks } = await read(
    'x.csv',
    'file,animal,label,place\na.png,dog,0,x\nb.png,cat,1,y\nc.png,dog,0,z\nd.png,cat,1,w\n',
  );
  expect([classes, labels]).toEqual([
    ['dog', 'cat'],
    ['dog', 'cat', 'dog', 'cat'],
  ]);
  expect(remarks).toEqual(['columns of numbers whose classes another column names: label: animal']);
});

it('reads classes of objects by their numbers, also where these have one name', async () => {
  const rows = [0, 1].map((id) => JSON.stringify({ image: `${'ab'[id]}.png`, label: { id, name: 'crane' } }));
  expect(await read('x.jsonl', rows.join('\n'))).toMatchObject({
    classes: ['crane', 'crane'],
    labels: ['crane', 'crane'],
  });
});

it('reads classes of objects by their names where some have no number', async () => {
  const labels = [{ name: 'cat' }, { label: 'dog', confidence: 1 }, { class_name: 'cat', class_id: 0 }];
  const rows = labels.map((label, i) => JSON.stringify({ image: `${'abc'[i]}.png`, label }));
  expect(await read('x.jsonl', rows.join('\n'))).toMatchObject({
    classes: ['cat', 'dog'],
    labels: ['cat', 'dog', 'cat'],
  });
});

it('names columns that may be wanted and are not read', async () => {
  const { remarks } = await read('x.csv', 'image,animal\na.png,cat\nb.png,dog\n');
  expect(remarks).toEqual([
    'columns that are not read; name those of captions or classes with ?text= and ?class=: animal',
  ]);
});

it.each(['type', 'data set', 'phase'])(
  'takes a column %s that holds names of splits alone for the split',
  async (column) => {
    const { splits } = await read(
      'x.csv',
      `image,label,${column}\na.png,cat,Training Set\nb.png,cat,valid\nc.png,cat,TEST\n`,
    );
    expect(splits).toEqual(['train', 'val', 'test']);
  },
);

it('refuses a table without a header rather than losing its first image, but reads Flickr’s token files', async () => {
  await expect(read('x.csv', 'a.png,one\nb.png,two\n')).rejects.toThrow(
    'x.csv: its first line names the image a.png: expected the names of the columns, for example image,caption; write them above it',
  );
  await put(folder, 'Images/1.jpg');
  await put(folder, 'Flickr8k.token.txt', '1.jpg#0\tone, and "more\n1.jpg#1\ttwo\n');
  const { splits } = await openDataset(`flickr:${folder}`);
  expect(splits.train!.map(({ id, captions }) => [id, captions])).toEqual([
    ['Images/1.jpg', ['one, and "more', 'two']],
  ]);
});

it.each([
  [
    'a list in a field',
    {
      info: {},
      data: [
        { image: 'a.png', caption: 'one' },
        { image: 'b.png', caption: 'two' },
      ],
    },
  ],
  ['what is said by image', { 'a.png': 'one', 'b.png': ['two'] }],
  ['columns', { image: ['a.png', 'b.png'], caption: ['one', 'two'] }],
  ['columns as pandas writes them', { image: { 0: 'a.png', 1: 'b.png' }, caption: { 0: 'one', 1: 'two' } }],
])('reads a JSON file of %s, on one line or several', async (_, value) => {
  for (const indent of [0, 2]) {
    const { ids, captions } = await read('x.jsonl', JSON.stringify(value, null, indent));
    expect([ids, captions]).toEqual([
      ['a.png', 'b.png'],
      ['one', 'two'],
    ]);
  }
});

it('reads JSON lines with commas at their ends, objects that hold paths, and texts in tokens', async () => {
  const rows = [
    { image: { file_name: 'a.png', height: 10 }, sentences: [{ tokens: ['one', 'cat'] }] },
    { image: { path: 'b.png', bytes: null }, sentences: [{ raw: 'two' }] },
  ];
  const { ids, captions } = await read('x.jsonl', rows.map((row) => `${JSON.stringify(row)},\n`).join(''));
  expect([ids, captions]).toEqual([
    ['a.png', 'b.png'],
    ['one cat', 'two'],
  ]);
});

it('finds images two folders below, under other capitals, and without the first folders of their paths', async () => {
  for (const path of ['data/shots/1.png', 'data/shots/2.PNG']) await put(folder, path);
  const below = await read('x.csv', 'image,label\n1.png,cat\n2.png,dog\n');
  expect(below.ids).toEqual(['data/shots/1.png', 'data/shots/2.PNG']);
  const moved = await read('x.csv', 'image,label\nmine/data/shots/1.png,cat\nmine/data/shots/2.png,dog\n');
  expect(moved.ids).toEqual(below.ids);
});

it.each(['/elsewhere/set/', 'C:\\set\\'])(
  'reads paths below %s where a root is given, and says how otherwise',
  async (above) => {
    const content = `image,label\n${above}a.png,cat\n${above}b.png,dog\n`;
    await expect(read('x.csv', content)).rejects.toThrow('name a folder that such paths may lead to with ?root=DIR');
    expect((await read('x.csv', content, `?root=${folder}`)).ids).toEqual(['a.png', 'b.png']);
  },
);
