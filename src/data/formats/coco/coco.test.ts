import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { put } from '../../../test/images.fixture.js';
import { openDataset } from '../../index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-coco-'));
});
afterEach(() => rm(folder, { recursive: true }));

const json = (path: string, value: unknown) => put(folder, path, JSON.stringify(value));
const image = (id: number) => ({ id, file_name: `00000${id}.png`, width: 20, height: 10, license: 1 });
const images = (...ids: number[]) => ids.map(image);
const captions = (...of: [number, string][]) => of.map(([image_id, caption], id) => ({ id, image_id, caption }));

describe('COCO', () => {
  it('joins captions and instances; categories name boxes, not images', async () => {
    for (const path of ['train2017/000001.png', 'train2017/000002.png', 'val2017/000003.png']) await put(folder, path);
    await json('annotations/captions_train2017.json', {
      info: {},
      images: images(1, 2),
      annotations: captions([1, 'A cat.'], [2, 'A dog.'], [1, ' Two\ncats. ']),
    });
    await json('annotations/instances_train2017.json', {
      images: images(1, 2),
      annotations: [
        { id: 1, image_id: 1, category_id: 18, bbox: [5, 2, 10, 4], iscrowd: 0, area: 40, segmentation: [[5, 2]] },
        { id: 2, image_id: 1, category_id: 17, bbox: [0, 0, 20, 10], iscrowd: 1 },
      ],
      categories: [
        { id: 18, name: 'dog', supercategory: 'animal' },
        { id: 17, name: 'cat', supercategory: 'animal' },
      ],
    });
    await json('annotations/captions_val2017.json', { images: images(3), annotations: captions([3, 'A bird.']) });
    const { classes, splits, skipped, load } = await openDataset(`coco:${folder}`);
    expect(classes.map(({ name }) => name)).toEqual(['cat', 'dog']);
    expect(splits).toEqual({
      train: [
        {
          id: 'train2017/000001.png',
          captions: ['A cat.', 'Two cats.'],
          boxes: [{ label: 1, at: [0.25, 0.2, 0.5, 0.4] }],
        },
        { id: 'train2017/000002.png', captions: ['A dog.'] },
      ],
      val: [{ id: 'val2017/000003.png', captions: ['A bird.'] }],
    });
    expect(skipped).toEqual([]);
    expect(await load(splits.val![0]!)).toMatchObject({ width: 20, height: 10 });
  });

  it('takes one file, with the images elsewhere', async () => {
    await put(folder, 'images/000001.png');
    const file = await json('lists/mine.json', {
      images: [...images(1, 9), { ...image(2), file_name: '../lists/mine.json' }],
      annotations: captions([1, 'One.'], [7, 'Of no image.']),
    });
    const { splits, skipped } = await openDataset(`coco:${file}?images=${folder}/images&into=test`);
    expect(splits).toEqual({ test: [{ id: '000001.png', captions: ['One.'] }] });
    expect(skipped).toEqual([
      { id: '000009.png', reason: `no such file in ${folder}/images` },
      {
        id: '../lists/mine.json',
        reason: `its path leads out of ${folder}/images; name a folder that such paths may lead to with ?root=DIR behind --data`,
      },
    ]);
  });

  it.each([
    ['[]', 'images: expected a list of images, found none'],
    ['{"images": {"a": 1}}', 'images: expected a list, got fields'],
    ['{"images": [{"id": 1, "file_name": "a.png", "width": 9, "height": 9}], "annotations": [{"im', 'expected JSON'],
    ['{"images": [{"id": 1}], "annotations": []}', 'images.0.file_name: expected string, got nothing'],
    ['{"images"', 'expected JSON'],
  ])('refuses %s, naming the field', async (content, message) => {
    await put(folder, 'annotations/captions_val.json', content);
    await expect(openDataset(`coco:${folder}`)).rejects.toThrow(message);
  });

  it('reads large files piece by piece, with outlines and fields that are of no use', async () => {
    await put(folder, 'a.png');
    const outline = Array.from({ length: 20_000 }, (_, i) => i / 7);
    const annotations = Array.from({ length: 20 }, (_, i) => ({
      ...{ image_id: 1, segmentation: [outline], id: i, category_id: 1 },
      bbox: [0, 0, i, 1],
    }));
    const file = await json('big.json', {
      info: { images: [3], annotations: 'none' },
      categories: [{ id: 1, name: 'café' }],
      annotations,
      images: [{ ...image(1), file_name: 'a.png' }],
    });
    const { splits, classes } = await openDataset(`coco:${file}?into=test`);
    expect(classes.map(({ name }) => name)).toEqual(['café']);
    expect(splits.test![0]!.boxes).toHaveLength(20);
    expect(splits.test![0]!.boxes![19]!.at[2]).toBe(19 / 20);
  });

  it('reads what is optional in other programs’ files, and counts what is wrong with one image or annotation', async () => {
    for (const path of ['images/1.png', 'images/2.png']) await put(folder, path);
    await json('annotations/instances_default.json', {
      images: [{ id: '1', file_name: '1.png' }, { id: 2, file_name: '2.png', width: null }, { id: 3 }],
      annotations: [
        { image_id: 1, category_id: 5, bbox: [5, 2, 10, 4] },
        { image_id: '2', caption: 'two', bbox: null, category_id: null },
        { image_id: 2, bbox: ['x', 0, 1, 1], category_id: 5 },
        { image_id: 2, bbox: [0, 0, 1, 1], category_id: 6 },
        { image_id: 9, caption: 'of no image' },
        { caption: 'of nothing' },
      ],
      categories: [{ id: 5, name: 'cat' }],
    });
    const { splits, skipped, remarks } = await openDataset(`coco:${folder}`);
    expect(splits).toEqual({
      train: [
        { id: 'images/1.png', captions: [], boxes: [{ label: 0, at: [0.25, 0.2, 0.5, 0.4] }] },
        { id: 'images/2.png', captions: ['two'] },
      ],
    });
    expect(skipped.map(({ id, reason }) => `${id}: ${reason}`)).toEqual([
      'instances_default.json: images.2.file_name: expected string, got nothing',
      expect.stringMatching(/^instances_default.json: annotations.2.bbox.*: expected number, got "x"$/),
      expect.stringMatching(/^instances_default.json: annotations.5.image_id: expected/),
    ]);
    expect(remarks).toEqual([
      { message: 'captions of images that are not in the file’s list', count: 1, examples: ['image_id 9'] },
      {
        message: 'boxes of categories that are not in the file’s list',
        count: 1,
        examples: ['images/2.png: category_id 6'],
      },
    ]);
  });

  it('reads Roboflow’s export: a file of annotations in each split’s folder', async () => {
    for (const split of ['train', 'valid']) {
      await put(folder, `${split}/1.png`);
      await json(`${split}/_annotations.coco.json`, {
        images: [{ id: 0, file_name: '1.png', width: 20, height: 10 }],
        annotations: [{ id: 0, image_id: 0, category_id: 1, bbox: [0, 0, 20, 10] }],
        categories: [
          { id: 0, name: 'animals' },
          { id: 1, name: 'cat', supercategory: 'animals' },
        ],
      });
    }
    const boxes = [{ label: 1, at: [0, 0, 1, 1] }];
    expect((await openDataset(`coco:${folder}`)).splits).toEqual({
      train: [{ id: 'train/1.png', captions: [], boxes }],
      val: [{ id: 'valid/1.png', captions: [], boxes }],
    });
  });

  it('refuses a folder without annotations', async () => {
    await put(folder, '1.png');
    await expect(openDataset(`coco:${folder}`)).rejects.toThrow('expected annotations/captions_*.json');
    await expect(openDataset(`coco:${folder}/no`)).rejects.toThrow('found nothing');
  });
});

describe('Karpathy’s splits', () => {
  const image = (filename: string, split: string, ...raw: string[]) => ({
    filename,
    split,
    imgid: 0,
    sentences: raw.map((text) => ({ raw: text, tokens: text.split(' '), imgid: 0, sentid: 0 })),
  });

  it('trains on restval, and finds COCO’s images by their file path', async () => {
    for (const path of ['images/train2014/a.png', 'images/val2014/b.png', 'images/val2014/c.png'])
      await put(folder, path);
    await json('dataset_coco.json', {
      images: [
        { ...image('a.png', 'train', 'A cat.', 'One cat.'), filepath: 'train2014', cocoid: 1 },
        { ...image('b.png', 'restval', 'A dog.'), filepath: 'val2014' },
        { ...image('c.png', 'test', 'A bird.'), filepath: 'val2014' },
      ],
      dataset: 'coco',
    });
    const { splits } = await openDataset(`coco:${folder}`);
    expect(splits).toEqual({
      train: [
        { id: 'images/train2014/a.png', captions: ['A cat.', 'One cat.'] },
        { id: 'images/val2014/b.png', captions: ['A dog.'] },
      ],
      test: [{ id: 'images/val2014/c.png', captions: ['A bird.'] }],
    });
  });

  it('reads Flickr30k, with class texts given', async () => {
    await put(folder, 'flickr30k-images/1.png');
    await json('dataset_flickr30k.json', { images: [image('1.png', 'val', 'Two men.')], dataset: 'flickr30k' });
    const { splits, classes } = await openDataset(`flickr:${folder}?classes=man,woman`);
    expect(splits).toEqual({ val: [{ id: 'flickr30k-images/1.png', captions: ['Two men.'] }] });
    expect(classes).toHaveLength(2);
    await expect(openDataset(`flickr:${folder}/flickr30k-images`)).rejects.toThrow('expected dataset_flickr30k.json');
  });

  it('reads captions.json beside the images, names from addresses, and leaves out headings of categories', async () => {
    for (const path of ['set/a/1.png', 'set/a/2.png']) await put(folder, path);
    await json('captions.json', {
      images: [
        { id: 1, coco_url: 'http://example.org/set/1.png' },
        { id: 2, file_name: '2.png' },
      ],
      annotations: captions([1, 'A cat.'], [2, 'A dog.']),
      categories: [
        { id: 0, name: 'animals', supercategory: 'none' },
        { id: 1, name: 'cat', supercategory: 'animals' },
      ],
    });
    const { classes, splits, skipped } = await openDataset(`coco:${folder}`);
    expect(classes.map(({ name }) => name)).toEqual(['cat']);
    expect([splits.train!.map(({ id, captions }) => [id, captions]), skipped]).toEqual([
      [
        ['set/a/1.png', ['A cat.']],
        ['set/a/2.png', ['A dog.']],
      ],
      [],
    ]);
  });
});
