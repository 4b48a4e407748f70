import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { put } from '../../../test/images.fixture.js';
import { openDataset } from '../../index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-layouts-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Classes, and image ids by split with their class's name. */
async function opened(options = '') {
  const { classes, splits, skipped, remarks } = await openDataset(`folder:${folder}${options}`);
  const names = classes.map(({ name }) => name);
  const found = Object.entries(splits).map(([split, own]) => [
    split,
    Object.fromEntries(own.map(({ id, label }) => [id, label === undefined ? undefined : names[label]])),
  ]);
  return { names, splits: Object.fromEntries(found), skipped, remarks: remarks! };
}

describe('layouts of folders', () => {
  it('passes over what is hidden and known litter', async () => {
    for (const path of ['cat/1.png', 'dog/1.png', '.ipynb_checkpoints/1.png', '__MACOSX/cat/1.png', 'cat/._1.png']) {
      await put(folder, path);
    }
    await put(folder, 'cat/Thumbs.db', 'x');
    expect(await opened()).toMatchObject({ names: ['cat', 'dog'], skipped: [] });
  });

  it.each([
    ['Training', 'Testing', 'test'],
    ['TRAIN', 'Valid', 'val'],
    ['seg_train', 'seg_test', 'test'],
    ['train2017', 'val2017', 'val'],
    ['training_set', 'evaluation-set', 'test'],
    ['trainset', 'testset', 'test'],
  ])('knows %s and %s as splits', async (train, other, split) => {
    for (const name of ['a', 'b']) {
      await put(folder, `${train}/${name}/1.png`);
      await put(folder, `${other}/${name}/2.png`);
    }
    const { names, splits } = await opened();
    expect([names, Object.keys(splits)]).toEqual([
      ['a', 'b'],
      ['train', split].sort((a, b) => (a < b ? 1 : -1)).sort(),
    ]);
  });

  it('keeps splits though something else lies beside them, and keeps a class that is called train', async () => {
    for (const path of ['train/a/1.png', 'val/a/2.png', 'overview.png', 'figures/3.png']) await put(folder, path);
    const { splits, skipped } = await opened();
    expect(splits).toEqual({ train: { 'train/a/1.png': 'a' }, val: { 'val/a/2.png': 'a' } });
    expect(skipped.map(({ id, reason }) => [id, reason])).toEqual([
      ['figures/3.png', 'it lies in no split folder, as others do'],
      ['overview.png', 'it lies in no split folder, as others do'],
    ]);
    await rm(join(folder, 'val'), { recursive: true });
    for (const path of ['bus/1.png', 'car/1.png', 'train/1.png']) await put(folder, path);
    expect((await opened()).names).toEqual(['bus', 'car', 'figures', 'train']);
  });

  it('finds classes below images/, below a split’s own name again, and above splits', async () => {
    for (const path of ['images/train/a/1.png', 'images/test/test/b/2.png', 'masks/train/a/1.png'])
      await put(folder, path);
    const { names, splits, skipped } = await opened();
    expect([names, Object.keys(splits), skipped.length]).toEqual([['a', 'b'], ['test', 'train'], 1]);
    await rm(join(folder, 'images'), { recursive: true });
    await rm(join(folder, 'masks'), { recursive: true });
    for (const path of ['a/train/1.png', 'a/test/1.png', 'b/train/1.png']) await put(folder, path);
    expect((await opened()).splits).toEqual({
      train: { 'a/train/1.png': 'a', 'b/train/1.png': 'b' },
      test: { 'a/test/1.png': 'a' },
    });
  });

  it('takes a split without class folders as unlabelled', async () => {
    for (const path of ['train/a/1.png', 'train/b/1.png', 'test/1.png']) await put(folder, path);
    expect((await opened()).splits.test).toEqual({ 'test/1.png': undefined });
  });

  it('follows linked folders once, and no loops', async () => {
    await put(folder, 'data/cat/1.png');
    await put(folder, 'elsewhere/2.png');
    await symlink(join(folder, 'elsewhere'), join(folder, 'data', 'dog'));
    await symlink(join(folder, 'data'), join(folder, 'data', 'cat', 'loop'));
    await symlink(join(folder, 'none'), join(folder, 'data', 'gone'));
    const { splits, skipped } = await openDataset(`folder:${folder}/data`);
    expect(splits.train!.map(({ id }) => id)).toEqual(['cat/1.png', 'dog/2.png']);
    expect(skipped.map(({ id, reason }) => [id, reason])).toEqual([
      ['cat/loop', 'a link to the same folder as the one given'],
      ['gone', 'a link that leads nowhere'],
    ]);
  });

  it('takes names as one that differ in how they are written, says so, and keeps capitals and hyphens apart', async () => {
    for (const path of ['train/red_fox/1.png', 'test/red fox/2.png', 'train/café/1.png', 'test/cafe\u0301/1.png']) {
      await put(folder, path);
    }
    for (const path of ['train/A/1.png', 'train/a/1.png', 'train/polka-dotted/1.png']) await put(folder, path);
    const { names, remarks } = await opened();
    expect(names).toEqual(['A', 'a', 'café', 'polka-dotted', 'red fox']);
    expect(remarks.map(({ message, count }) => [message, count])).toEqual([
      ['classes that are written in several ways and are taken as one', 2],
      ['class names that differ from another only in capitals or hyphens; they stay apart', 1],
    ]);
  });

  it('reads img2dataset’s files: captions beside the images, shards that are no classes', async () => {
    for (const [i, text] of ['first', '', 'third\nand its second caption'].entries()) {
      await put(folder, `0000${i % 2}/0000${i % 2}000${i}.png`);
      await put(folder, `0000${i % 2}/0000${i % 2}000${i}.txt`, text);
      await put(folder, `0000${i % 2}/0000${i % 2}000${i}.json`, JSON.stringify({ caption: `json ${i}`, key: `${i}` }));
    }
    await put(folder, '00000_stats.json', '{}');
    await put(folder, '00000.parquet', 'x');
    const { classes, splits, skipped } = await openDataset(`folder:${folder}`);
    expect([classes, skipped]).toEqual([[], []]);
    expect(splits.train!.map(({ captions }) => captions)).toEqual([
      ['first'],
      ['third', 'and its second caption'],
      ['json 1'],
    ]);
  });

  it('counts boxes beside images instead of reading them as captions, and names what reads other files', async () => {
    for (const path of ['train/images/1.png', 'valid/images/2.png']) await put(folder, path);
    await put(folder, 'train/images/1.txt', '0 0.5 0.5 0.1 0.2\n1 0.1 0.2 0.3 0.4\n');
    await put(folder, 'train/_annotations.coco.json', '{}');
    await put(folder, 'labels.csv', 'a,b');
    const { names, splits, skipped, remarks } = await opened();
    expect([names, Object.keys(splits)]).toEqual([[], ['train', 'val']]);
    expect(skipped.map(({ reason }) => reason)).toEqual([
      'not an image file; a table is read with csv:FILE',
      'annotations: read them with coco:DIR',
    ]);
    expect(remarks[0]!.message).toBe('files of boxes beside images: folder: reads no boxes, coco: does');
  });

  it('reads Hugging Face’s imagefolder, with one table for all or one a split, and Roboflow’s classes', async () => {
    for (const path of ['train/1.png', 'train/2.png', 'test/3.png']) await put(folder, path);
    const rows = [
      { file_name: '1.png', text: 'one', label: 'cat' },
      { file_name: '2.png', text: 'two', label: 'dog' },
    ];
    await put(folder, 'train/metadata.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    await put(folder, 'test/_classes.csv', 'filename, cat, dog\n3.png, 0, 1\n');
    const { splits, skipped } = await openDataset(`folder:${folder}`);
    expect(splits).toEqual({
      train: [
        { id: 'train/1.png', label: 0, captions: ['one'] },
        { id: 'train/2.png', label: 1, captions: ['two'] },
      ],
      test: [{ id: 'test/3.png', label: 1, captions: ['a photo of a dog', 'dog'], captionsMade: true }],
    });
    expect(skipped).toEqual([]);
  });

  it('deals splits of small classes together, and leaves few images in train', async () => {
    for (let i = 0; i < 60; i++) await put(folder, `class ${i % 20}/${i}.png`);
    const { splits } = await openDataset(`folder:${folder}`);
    expect([splits.train, splits.val, splits.test].map((own) => own!.length)).toEqual([42, 6, 12]);
    expect(new Set(splits.train!.map(({ label }) => label)).size).toBe(20);
  });

  it('reads numbers of classes as places in the names given', async () => {
    for (const name of ['0', '1', '2', '10']) await put(folder, `${name}/1.png`);
    expect((await opened()).names).toEqual(['0', '1', '2', '10']);
    const { splits, remarks } = await opened('?classes=cat,dog,owl');
    expect(splits.train).toEqual({ '0/1.png': 'cat', '1/1.png': 'dog', '2/1.png': 'owl', '10/1.png': undefined });
    expect(remarks).toEqual([
      {
        message: 'images whose label is beyond the 3 classes: taken as unlabelled',
        count: 1,
        examples: ['10/1.png: 10'],
      },
    ]);
  });

  it.each([
    ['chest_xray_train', 'chest_xray_test'],
    ['train_cropped', 'test_cropped'],
    ['Train_Set_Folder', 'Test_Set_Folder'],
    ['Entrenamiento', 'Prueba'],
    ['entraînement', 'testing'],
    ['Trainingsdaten', 'Testdaten'],
    ['treino', 'teste'],
    ['训练集', '测试集'],
    ['train_v2', 'holdout'],
  ])('knows %s and %s as train and test', async (train, test) => {
    for (const path of ['a/1.png', 'b/1.png']) {
      await put(folder, `${train}/${path}`);
      await put(folder, `${test}/${path}`);
    }
    const { names, splits } = await opened();
    expect([names, Object.keys(splits).sort()]).toEqual([
      ['a', 'b'],
      ['test', 'train'],
    ]);
  });

  it('looks through folders around all others, and past one stray image beside them', async () => {
    for (const path of ['train/a/1.png', 'train/b/1.png', 'test/a/1.png']) await put(folder, `archive/my data/${path}`);
    await put(folder, 'preview.png');
    const { names, splits, skipped } = await opened();
    expect([names, Object.keys(splits)]).toEqual([
      ['a', 'b'],
      ['test', 'train'],
    ]);
    expect(skipped).toEqual([
      { id: 'preview.png', reason: 'it lies beside the folder archive, in which the others lie' },
    ]);
  });

  it('looks through a folder that each split has alone', async () => {
    for (const path of ['train/v1/a/1.png', 'train/v1/b/1.png', 'test/v1/a/1.png']) await put(folder, path);
    expect((await opened()).names).toEqual(['a', 'b']);
  });

  it('leaves out the numbers that all class folders begin with, and says so; numbers that belong to names stay', async () => {
    for (const path of ['001.Laysan_Albatross/1.png', '002.Brewer-Sparrow/1.png']) await put(folder, path);
    const { names, remarks } = await opened();
    expect([names, remarks[0]!.count]).toEqual([['Brewer-Sparrow', 'Laysan Albatross'], 2]);
    await put(folder, 'owl/1.png');
    expect((await opened()).names).toEqual(['001.Laysan Albatross', '002.Brewer-Sparrow', 'owl']);
  });

  it('reads labels.txt with numbers before the names, and captions in .caption files', async () => {
    for (const path of ['0/1.png', '1/1.png']) await put(folder, path);
    await put(folder, 'labels.txt', '0 cat\n1 dog\n');
    await put(folder, '1/1.caption', 'a dog on a mat');
    const { classes, splits } = await openDataset(`folder:${folder}`);
    expect(classes.map(({ name }) => name)).toEqual(['cat', 'dog']);
    expect(splits.train!.map(({ captions }) => captions.at(-1))).toEqual(['cat', 'a dog on a mat']);
  });

  it('says what lies in place of an image', async () => {
    await put(folder, 'a/0.png');
    await put(folder, 'a/1.png', '');
    await put(folder, 'a/2.png', 'version https://git-lfs.github.com/spec/v1\noid sha256:1\n');
    await put(folder, 'a/3.jpg', '<!DOCTYPE html><html></html>');
    await put(folder, 'a/4.jpg', new Uint8Array(500));
    expect((await opened()).skipped.map(({ reason }) => reason)).toEqual([
      'it has 0 bytes',
      'a pointer of Git LFS in its place: fetch it with git lfs pull',
      'it is a web page, as servers send in place of an image',
      'it holds zeros: a download that was not finished, or a damaged disk',
    ]);
  });
});
