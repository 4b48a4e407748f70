import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { put } from '../../../test/images.fixture.js';
import { examplesOf, openDataset } from '../../index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-tables-'));
  for (const name of ['a.png', 'b.png', 'c.png']) await put(folder, name);
});
afterEach(() => rm(folder, { recursive: true }));

const table = async (name: string, content: string | Uint8Array, options = '') => {
  const kind = name.split('.')[1]!;
  const dataset = await openDataset(`${kind}:${await put(folder, name, content)}${options}`);
  const said = Object.values(dataset.splits)
    .flat()
    .map(({ id, label, captions }) => [
      id,
      label === undefined ? undefined : dataset.classes[label]!.name,
      captions[0],
    ]);
  return { ...dataset, said: said.sort() };
};
const utf16 = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le');

describe('tables as people bring them', () => {
  it.each([
    ['blanks and quotes', 'x.csv', '"filepath" , "title"\na.png, "one, and more"\nb.png, two\n'],
    ['semicolons', 'x.csv', 'image;title\na.png;one, and more\nb.png;two\n'],
    ['tabs in a CSV', 'x.csv', 'image\ttitle\na.png\tone, and more\nb.png\ttwo\n'],
    ['bars', 'x.csv', 'image_name| comment_number| comment\na.png| 0| one, and more\nb.png| 0| two\n'],
    ['sep= of Excel', 'x.csv', 'sep=;\r\nimage;title\r\na.png;one, and more\r\nb.png;two\r\n'],
    ['commas in a TSV', 'x.tsv', 'image,title\na.png,"one, and more"\nb.png,two\n'],
    ['quoted headers with tabs', 'x.tsv', '"image"\t"title"\n"a.png"\t"one, and more"\n"b.png"\t"two"\n'],
    ['UTF-16', 'x.csv', utf16('image,title\na.png,"one, and more"\nb.png,two\n')],
    [
      'a mark in JSON lines',
      'x.jsonl',
      '\uFEFF{"image":"a.png","text":"one, and more"}\n{"image":"b.png","text":"two"}',
    ],
    ['a JSON list', 'x.jsonl', '[{"image":"a.png","text":"one, and more"},{"image":"b.png","text":"two"}]'],
    ['NaN in JSON', 'x.jsonl', '{"image":"a.png","text":"one, and more","label":NaN}\n{"image":"b.png","text":"two"}'],
    ['a separator at the end', 'x.csv', 'image,title,\na.png,"one, and more",\nb.png,two,\n'],
  ])('reads %s', async (_, name, content) => {
    const { said, skipped } = await table(name, content);
    expect([said, skipped]).toEqual([
      [
        ['a.png', undefined, 'one, and more'],
        ['b.png', undefined, 'two'],
      ],
      [],
    ]);
  });

  it('takes columns that appear only in later rows', async () => {
    const rows = [{ file_name: 'a.png' }, { file_name: 'b.png', text: 'two', label: 'owl' }];
    const { said } = await table('x.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    expect(said).toEqual([
      ['a.png', undefined, undefined],
      ['b.png', 'owl', 'two'],
    ]);
  });

  it('takes the column that holds images, whatever it is called and wherever it stands', async () => {
    const { said } = await table('x.csv', 'id,caption,path,where\n1,one,x,a.png\n2,two,y,b.png\n');
    expect(said).toEqual([
      ['a.png', undefined, 'one'],
      ['b.png', undefined, 'two'],
    ]);
  });

  it('reads objects, lists, languages and booleans where they mean something, and counts the others', async () => {
    const rows = [
      { image: 'a.png', captions: [{ raw: 'one' }, { raw: 'more' }], label: { id: 7, name: 'cat' }, is_train: true },
      { image: 'b.png', captions: { en: 'two', de: 'zwei' }, label: ['dog'], is_train: 1 },
      { image: 'c.png', captions: { box: [1, 2] }, label: ['dog', 'cat'], is_train: false },
    ];
    const { said, splits, remarks } = await table('x.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    expect(said).toEqual([
      ['a.png', 'cat', 'one'],
      ['b.png', 'dog', 'two'],
      ['c.png', undefined, undefined],
    ]);
    expect(examplesOf({ splits } as never, 'train').flatMap(({ captions }) => captions)).toContain('zwei');
    expect(remarks).toEqual([
      { message: 'cells of the column label that hold several classes: not read', count: 1, examples: ['c.png'] },
      {
        message: 'cells of the column captions that hold an object without a text: not read',
        count: 1,
        examples: ['c.png'],
      },
    ]);
  });

  it.each([
    ['names beside numbers', 'image,label,class_name\na.png,1,dog\nb.png,0,cat\nc.png,-1,\n', ''],
    ['numbers with names given', 'image,label\na.png,1\nb.png,0\nc.png,-1\n', '?classes=cat,dog'],
    ['numbers that pandas wrote', 'image,label\na.png,1.0\nb.png,0.0\nc.png,nan\n', '?classes=cat,dog'],
    ['a number beyond the names', 'image,label\na.png,1\nb.png,0\nc.png,2\n', '?classes=cat,dog'],
    ['one-hot columns', 'filename, cat, dog\na.png, 0, 1\nb.png, 1, 0\nc.png, 0, 0\n', ''],
    ['one-hot columns given', 'image,cat,dog,wet\na.png,0,1,1\nb.png,1,0,1\nc.png,0,0,1\n', '?class=cat,dog'],
    ['blanks around names', 'image,label\na.png, dog \nb.png,cat\nc.png, \n', ''],
  ])('reads %s', async (_, content, options) => {
    const { said } = await table('x.csv', content, options);
    expect(said.map(([id, name]) => [id, name])).toEqual([
      ['a.png', 'dog'],
      ['b.png', 'cat'],
      ['c.png', undefined],
    ]);
  });

  it('keeps two classes of one name apart by their numbers', async () => {
    const { classes, splits } = await table(
      'x.csv',
      'image,label,class_name\na.png,0,crane\nb.png,2,crane\nc.png,1,lion\n',
    );
    expect(classes.map(({ name }) => name)).toEqual(['crane', 'lion', 'crane']);
    expect(splits.train!.map(({ label }) => label).sort()).toEqual([0, 1, 2]);
  });

  it('leaves columns of 1 and 0 that are no classes', async () => {
    const { classes, remarks } = await table('x.csv', 'image,wet,red\na.png,1,1\nb.png,0,0\nc.png,1,1\n');
    expect(classes).toEqual([]);
    expect(remarks![0]!.message).toMatch(/^sets of columns of 1 and 0 that are not one a class/);
  });

  it('finds paths of other systems: backslashes, other letters, no ending, images in a folder beside', async () => {
    await put(folder, 'Images/sub/cafe\u0301.png');
    await put(folder, 'Images/sub/0001.jpg');
    const { said, skipped } = await table(
      'x.csv',
      'image,text\nsub\\caf\u00e9.png,one\nsub\\0001.jpg,two\nsub/0001,three\n',
    );
    expect(said.map(([id]) => id)).toEqual(['Images/sub/0001.jpg', 'Images/sub/cafe\u0301.png']);
    expect(skipped).toEqual([{ id: 'Images/sub/0001.jpg', reason: 'another image has the same name' }]);
  });

  it('reads absolute paths and ../ where a root is given', async () => {
    const rows = `image,text\n${folder}/a.png,one\n../b.png,two\nc.png,three\n/etc/passwd,four\n`;
    const file = await put(folder, 'lists/x.csv', rows);
    const { splits, skipped } = await openDataset(`csv:${file}?root=${folder}`);
    expect(splits.train!.map(({ id }) => id)).toEqual(['../a.png', '../b.png', '../c.png']);
    expect(skipped).toEqual([{ id: '/etc/passwd', reason: `no such file in ${folder}` }]);
  });

  it.each(['constructor', '__proto__', 'toString'])('takes %s as the name of a split and of a class', async (name) => {
    const { splits, classes } = await table('x.csv', `image,class,split\na.png,${name},${name}\nb.png,dog,train\n`);
    expect(Object.keys(splits).sort()).toEqual([name.toLowerCase(), 'train'].sort());
    expect(classes.map((one) => one.name)).toContain(name.replace(/_+/g, ' ').trim());
    expect(examplesOf({ name: 'x', splits } as never, name.toLowerCase())).toHaveLength(1);
    expect(() => examplesOf({ name: 'x', splits: { train: [] } } as never, name)).toThrow(
      `no split ${name}; it has train; choose one of these, or give data with that split`,
    );
  });

  it('skips a line of JSON that is too long, in little memory, and a caption of megabytes', async () => {
    const long = `{"image":"b.png","text":"${'x'.repeat(2 ** 25)}"}`;
    const { said, skipped } = await table(
      'x.jsonl',
      `{"image":"a.png","text":"${'word '.repeat(2 ** 20)}"}\n${long}\n`,
    );
    expect(said[0]![2]).toHaveLength(999);
    expect(skipped).toEqual([{ id: 'line 2', reason: 'it is longer than 33554432 characters' }]);
  });
});
