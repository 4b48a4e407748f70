import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { put } from '../../test/images.fixture.js';
import { inspectDataset, openDataset } from '../index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-inspect-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** An image of its own shade. */
const shade = (level: number, side = 40) =>
  sharp({ create: { width: side + 8, height: side, channels: 3, background: { r: level, g: 90, b: 20 } } })
    .png()
    .toBuffer();

it('finds duplicates, leakage, contradictions, tiny and broken images, bare and cut captions, missing classes', async () => {
  await put(folder, '1.png', await shade(1));
  await put(folder, '2.png', await shade(2));
  await put(folder, 'copy-of-1.png', await shade(1));
  await put(
    folder,
    'leak-of-2.jpg',
    await sharp(await shade(2))
      .png()
      .toBuffer(),
  );
  await put(folder, 'tiny.png', await shade(3, 16));
  await put(folder, 'broken.png', await shade(4));
  const rows = [
    'image,text,class,split',
    '1.png,one,owl,train',
    '2.png,two,owl,train',
    `copy-of-1.png,${'long '.repeat(300)},fox,train`,
    'leak-of-2.jpg,two,owl,test',
    'tiny.png,three,ant,test',
    'broken.png,four,owl,train',
    'gone.png,five,owl,train',
  ];
  const dataset = await openDataset(`csv:${await put(folder, 'all.csv', rows.join('\n'))}`);
  await writeFile(join(folder, 'broken.png'), 'overwritten');
  const seen: number[] = [];
  const inspection = await inspectDataset(dataset, { samples: 1, onProgress: (done) => void seen.push(done) });
  expect(inspection).toMatchObject({
    classes: 3,
    novel: 0,
    decoded: 5,
    splits: {
      train: { images: 4, labelled: 4, classes: 2, captioned: 4, captions: 4, boxes: 0 },
      test: { images: 2 },
    },
    balance: [
      { split: 'train', least: { name: 'fox', images: 1 }, median: 3, most: { name: 'owl', images: 3 }, ratio: 3 },
      { split: 'test', ratio: 1 },
    ],
    width: { least: 24, median: 48, most: 48 },
    height: { least: 16, median: 40, most: 40 },
    samples: [{ split: 'train' }, { split: 'test' }],
    skipped: [{ id: 'gone.png', reason: `no such file in ${folder}` }],
  });
  expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  expect(inspection.findings.map(({ kind, examples }) => [kind, examples])).toEqual([
    ['broken', [expect.stringContaining('broken.png: expected an image')]],
    ['leakage', ['test/leak-of-2.jpg = train/2.png']],
    ['contradiction', ['train/copy-of-1.png = train/1.png: fox, owl']],
    ['duplicate', ['train/copy-of-1.png = train/1.png']],
    ['tiny', ['tiny.png']],
    ['cut-caption', ['copy-of-1.png']],
    ['untrained-class', ['ant']],
  ]);
});

it('says of images without captions only where others have them, and of imbalance', async () => {
  for (let i = 0; i < 13; i++) await put(folder, `train/a/${i}.png`, await shade(i));
  await put(folder, 'train/b/1.png', await shade(100));
  const labelled = await inspectDataset(await openDataset(`folder:${folder}`));
  expect(labelled.findings).toEqual([expect.objectContaining({ kind: 'imbalance', examples: ['train'] })]);
  const rows = ['{"image": "a/1.png", "text": ""}', '{"image": "a/2.png", "text": "two"}'].join('\n');
  const some = await openDataset(`jsonl:${await put(folder, 'train/x.jsonl', rows)}`);
  expect((await inspectDataset(some)).findings.map(({ kind, count }) => [kind, count])).toEqual([['no-caption', 1]]);
  const none = await inspectDataset(await openDataset(`folder:${folder}/train/a`), { limit: 4 });
  expect([none.findings, none.decoded, none.splits.train!.images]).toEqual([[], 4, 10]);
});
