import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { put } from '../../../test/images.fixture.js';
import { openDataset } from '../../index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-table-'));
  for (const name of ['a.png', 'b.png', 'sub/c.png']) await put(folder, name);
});
afterEach(() => rm(folder, { recursive: true }));

const captionsOf = async (spec: string) => {
  const { splits } = await openDataset(spec);
  return Object.fromEntries(
    Object.values(splits)
      .flat()
      .map(({ id, captions }) => [id, captions]),
  );
};

describe('tables of images', () => {
  it('reads CSV as RFC 4180 writes it, and puts the rows of an image together', async () => {
    const file = await put(
      folder,
      'captions.csv',
      '\uFEFFfilepath,title\r\na.png,"a ""red"" card, flat"\r\na.png,"two\nlines"\r\n./sub/c.png,\r\n',
    );
    expect(await captionsOf(`csv:${file}`)).toEqual({ 'a.png': ['a "red" card, flat', 'two lines'], 'sub/c.png': [] });
  });

  it('reads Flickr8k’s captions.txt as it comes, commas in captions and all', async () => {
    await put(folder, 'Images/d.png');
    const lines = [
      'image,caption',
      'd.png,A red card , seen from the front .',
      'd.png,"A card, red"',
      'd.png,A card .,',
    ];
    await put(folder, 'captions.txt', `${lines.join('\n')}\n`);
    expect(await captionsOf(`flickr:${folder}`)).toEqual({
      'Images/d.png': ['A red card, seen from the front .', 'A card, red', 'A card .'],
    });
  });

  it('reads TSV with quotes that mean nothing', async () => {
    const file = await put(folder, 'captions.tsv', 'caption\timage\n5" nail\ta.png\n"b\tb.png\n');
    expect(await captionsOf(`tsv:${file}`)).toEqual({ 'a.png': ['5" nail'], 'b.png': ['"b'] });
  });

  it('reads JSON lines with one text or a list of them, and skips other lines', async () => {
    const file = await put(
      folder,
      'metadata.jsonl',
      '{"file_name": "a.png", "text": ["one", "two"]}\n\n{"file_name": "b.png", "text": "three"}\n[1]\n{"file',
    );
    expect(await captionsOf(`jsonl:${file}`)).toEqual({ 'a.png': ['one', 'two'], 'b.png': ['three'] });
    expect((await openDataset(`jsonl:${file}`)).skipped).toEqual([
      { id: 'line 4', reason: 'expected a JSON object' },
      { id: 'line 5', reason: 'expected a JSON object' },
    ]);
  });

  it('takes the columns and the folder that are named, classes and splits', async () => {
    const file = await put(
      folder,
      'lists/all.csv',
      'p,de,en,what,set\nc.png,rot,red,fox,Training\n../b.png,,,owl,dev\n',
    );
    const { splits, classes, skipped } = await openDataset(
      `csv:${file}?image=p&text=de,en&class=what&images=${folder}/sub`,
    );
    expect(splits).toEqual({ train: [{ id: 'c.png', label: 0, captions: ['rot', 'red'] }] });
    expect(classes).toEqual([{ name: 'fox', novel: false }]);
    expect(skipped).toEqual([
      {
        id: '../b.png',
        reason: `its path leads out of ${folder}/sub; name a folder that such paths may lead to with ?root=DIR behind --data`,
      },
    ]);
  });

  it('skips rows it cannot use and says why', async () => {
    const rows = ['image,text,split', 'a.png,fine,train', 'b.png,a,b,c', ',nothing,train', 'no.png,gone,train'];
    const more = ['../../etc/passwd,out,train', 'https://example.com/x.png,web,train', 'a.png,again,test', 'b.png,x,'];
    const file = await put(folder, 'rows.csv', [...rows, ...more].join('\n'));
    const { splits, skipped } = await openDataset(`csv:${file}`);
    expect(splits).toEqual({ train: [{ id: 'a.png', captions: ['fine'] }] });
    expect(Object.fromEntries(skipped.map(({ id, reason }) => [id, reason]))).toEqual({
      'line 3': 'it has more or fewer cells than the first line',
      'line 4': 'it names no image in the column image',
      'line 8': 'an earlier row says that a.png is of another class or split',
      'no.png': `no such file in ${folder}`,
      '../../etc/passwd': `its path leads out of ${folder}; name a folder that such paths may lead to with ?root=DIR behind --data`,
      'https://example.com/x.png': 'a web address: fetch the images first, for example with img2dataset',
      'b.png': 'it names no split, as others do',
    });
  });

  it('cuts a caption of 10 kB between words, and skips text that is not UTF-8', async () => {
    const long = 'word '.repeat(2000);
    const latin = Buffer.from('b.png,caf\xe9\n', 'latin1');
    const file = await put(folder, 'long.csv', Buffer.concat([Buffer.from(`image,text\na.png,${long}\n`), latin]));
    const { splits, skipped } = await openDataset(`csv:${file}`);
    expect(splits.train).toEqual([{ id: 'a.png', captions: [long.slice(0, 999)] }]);
    expect(skipped).toEqual([{ id: 'b.png', reason: 'its text is not UTF-8; convert it, for example with iconv' }]);
  });

  it.each([
    ['image,text\n', '', 'expected rows, found none'],
    ['', '', 'expected rows, found none'],
    ['where,text\nhere,x\n', '', 'no column of images; it has where, text: name it with ?image=COLUMN'],
    ['image,text\na.png,x\n', '?text=txet', 'no column txet; it has image, text; did you mean text?'],
    ['image,text\na.png,"x\n', '', /Quote Not Closed|expected rows, found none/],
  ])('refuses %j%s', async (content, options, message) => {
    const file = await put(folder, 'bad.csv', content);
    await expect(openDataset(`csv:${file}${options}`)).rejects.toThrow(message);
  });

  it('refuses a file that is not there', async () => {
    await expect(openDataset(`csv:${folder}/no.csv`)).rejects.toThrow(/no\.csv/);
  });
});
