import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hugePng, imageFile, put } from '../../../test/images.fixture.js';
import { contactSheet, openDataset } from '../../index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-data-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('folder of images', () => {
  it('takes folders as classes and keeps a fifth of each for testing and a tenth for validation, always the same', async () => {
    for (let i = 0; i < 10; i++) await put(folder, `red_fox/${i}.png`);
    for (let i = 0; i < 5; i++) await put(folder, `owl/${i}.jpg`);
    const dataset = await openDataset(`folder:${folder}`);
    expect(dataset.classes.map(({ name }) => name)).toEqual(['owl', 'red fox']);
    const { train, val, test } = dataset.splits;
    expect([train!.length, val!.length, test!.length]).toEqual([10, 2, 3]);
    expect(dataset.dealt).toContain('of each class with at least 5 images a fifth to test');
    expect(test!.filter(({ label }) => label === 1)).toHaveLength(2);
    expect(train![0]!.captions).toContain('a photo of an owl');
    expect(await openDataset(`folder:${folder}`)).toMatchObject({
      splits: dataset.splits,
      fingerprint: dataset.fingerprint,
    });
    expect(await dataset.load(train![0]!)).toMatchObject({ width: 20, height: 10, channels: 3 });
  });

  it('takes images for photos unless it is told otherwise, and its fingerprint does not change with that', async () => {
    await put(folder, 'a_cat/1.png');
    const [photos, drawings] = [
      await openDataset(`folder:${folder}`),
      await openDataset(`folder:${folder}?kind=drawings`),
    ];
    expect([photos.kind, photos.splits.train![0]!.captions]).toEqual(['photos', ['a photo of a cat', 'a cat']]);
    expect([drawings.kind, drawings.splits.train![0]!.captions]).toEqual(['drawings', ['a drawing of a cat', 'a cat']]);
    expect(drawings.fingerprint).toBe(photos.fingerprint);
  });

  it('takes splits as they lie', async () => {
    for (const path of ['train/a/1.png', 'val/a/2.png', 'test/b/3.png']) await put(folder, path);
    const { splits, classes } = await openDataset(`folder:${folder}`);
    const ids = Object.entries(splits).map(([name, examples]) => [name, examples.map(({ id }) => id)]);
    expect(Object.fromEntries(ids)).toEqual({ train: ['train/a/1.png'], val: ['val/a/2.png'], test: ['test/b/3.png'] });
    expect(classes).toHaveLength(2);
  });

  it('changes its fingerprint with an image', async () => {
    await put(folder, 'a/1.png');
    await put(folder, 'a/2.png');
    const before = (await openDataset(`folder:${folder}`)).fingerprint;
    await sharp({ create: { width: 90, height: 90, channels: 4, background: '#0000' } }).toFile(
      join(folder, 'a/2.png'),
    );
    expect((await openDataset(`folder:${folder}`)).fingerprint).not.toBe(before);
  });

  it('skips what it cannot use and says why', async () => {
    await put(folder, 'a/1.png');
    await put(folder, 'loose.png');
    await writeFile(join(folder, 'a', 'broken.png'), 'not an image');
    await writeFile(join(folder, 'a', 'notes.txt'), 'text');
    const { skipped, splits } = await openDataset(`folder:${folder}`);
    expect(splits.train).toHaveLength(1);
    expect(skipped.map(({ id }) => id).sort()).toEqual(['a/broken.png', 'a/notes.txt', 'loose.png']);
    expect(skipped.find(({ id }) => id === 'loose.png')!.reason).toBe('it lies in no class folder, as others do');
    expect(skipped.find(({ id }) => id === 'a/broken.png')!.reason).toMatch(/unsupported image format/);
  });

  it('takes flat images without classes, with class texts from a file beside them or given', async () => {
    for (let i = 0; i < 5; i++) await put(folder, `${i}.png`);
    const bare = await openDataset(`folder:${folder}`);
    expect(bare.classes).toEqual([]);
    expect(bare.splits).toMatchObject({ train: [{}, {}, {}], val: [{}], test: [{ captions: [] }] });
    expect(bare.splits.train!.some((example) => 'label' in example)).toBe(false);
    const given = await openDataset(`folder:${folder}?classes=cat,dog&into=val`);
    expect([given.classes.map(({ name }) => name), Object.keys(given.splits)]).toEqual([['cat', 'dog'], ['val']]);
    await put(folder, 'classes.txt', 'owl\n\nred fox\n');
    const beside = await openDataset(`folder:${folder}`);
    expect([beside.classes.map(({ name }) => name), beside.skipped]).toEqual([['owl', 'red fox'], []]);
  });

  it('keeps the later half of the classes out of training, in splits of their own', async () => {
    for (const name of ['a', 'b', 'c'])
      for (const split of ['train', 'test']) await put(folder, `${split}/${name}/1.png`);
    const { classes, splits, aside } = await openDataset(`folder:${folder}?novel=half`);
    expect(classes.map(({ novel }) => novel)).toEqual([false, false, true]);
    const ids = Object.entries(splits).map(([name, examples]) => [name, examples.map(({ id }) => id)]);
    expect(Object.fromEntries(ids)).toEqual({
      train: ['train/a/1.png', 'train/b/1.png'],
      test: ['test/a/1.png', 'test/b/1.png'],
      novel: ['test/c/1.png'],
    });
    expect(aside!.train!.map(({ id }) => id)).toEqual(['train/c/1.png']);
  });

  it('skips an image of 40,000 × 40,000 pixels by its header', async () => {
    await put(folder, 'a/1.png');
    await put(folder, 'a/huge.png', hugePng());
    const { skipped } = await openDataset(`folder:${folder}`);
    expect(skipped).toEqual([{ id: 'a/huge.png', reason: 'it has 40000 × 40000 pixels, more than 100 million' }]);
  });

  it('keeps what the headers of many images said, until an image changes', async () => {
    vi.stubEnv('PROMPTKD_CACHE', join(folder, '.cache'));
    const data = join(folder, 'data');
    const content = await imageFile();
    for (let i = 0; i < 500; i++) await put(data, `a/${i}.png`, content);
    await put(data, 'a/broken.png', 'not an image');
    const first = await openDataset(`folder:${data}`);
    const [kept] = await readdir(join(folder, '.cache', 'headers'));
    const file = join(folder, '.cache', 'headers', kept!);
    const [, text] = (await readFile(file, 'utf8')).split('\n');
    const checks = JSON.parse(text!);
    expect(Object.keys(checks)).toHaveLength(501);
    expect(await openDataset(`folder:${data}`)).toMatchObject({
      skipped: first.skipped,
      fingerprint: first.fingerprint,
    });
    checks['a/3.png'][2] = 'said before';
    const changed = JSON.stringify(checks);
    await writeFile(file, `${createHash('sha256').update(changed).digest('hex')}\n${changed}`);
    await put(data, 'a/7.png', 'broken later');
    const { skipped } = await openDataset(`folder:${data}`);
    expect(skipped.map(({ id }) => id)).toEqual(['a/3.png', 'a/7.png', 'a/broken.png']);
    vi.unstubAllEnvs();
  });

  it.each([
    ['?into', /expected images|expected a folder/],
    ['?into=', 'expected option=value behind the question mark, got into='],
    ['?novle=half', 'unknown option novle; expected classes, into, kind, novel; did you mean novel?'],
    ['?kind=sketches', 'kind: expected photos or drawings, got sketches'],
    ['?novel=all', 'novel: expected half, got all'],
    ['?novel=half', 'expected at least two classes, found 1'],
    ['?classes=b', 'its class a is not in the classes given'],
    ['?classes=no.txt', 'classes no.txt: no such file'],
  ])('refuses folder:DIR%s', async (options, message) => {
    await put(folder, 'a/1.png');
    await expect(openDataset(`folder:${folder}${options}`)).rejects.toThrow(message);
  });

  it('names an image that breaks after it was listed', async () => {
    await put(folder, 'a/1.png');
    const dataset = await openDataset(`folder:${folder}`);
    await writeFile(join(folder, 'a', '1.png'), 'gone');
    await expect(dataset.load(dataset.splits.train![0]!)).rejects.toThrow(
      /a\/1\.png: expected an image, got something else/,
    );
  });

  it('refuses a folder that is missing or empty, and an unknown kind', async () => {
    await expect(openDataset(`folder:${folder}/no`)).rejects.toThrow(/no: expected a folder of images/);
    await expect(openDataset(`folder:${folder}`)).rejects.toThrow(/found none that can be used/);
    await expect(openDataset('emojy')).rejects.toThrow('did you mean emoji?');
  });

  it('draws a contact sheet', async () => {
    await put(folder, 'a <b>/1.png');
    await put(folder, 'a <b>/2.png');
    const dataset = await openDataset(`folder:${folder}`);
    const file = join(folder, 'sheet.png');
    await contactSheet(dataset, { split: 'train', count: 9, file });
    const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([216, 128]);
    const middle = (48 + 8) * info.width * info.channels + 56 * info.channels;
    expect([...data.subarray(middle, middle + 3)]).toEqual([0xc0, 0x40, 0x20]);
  });
});
