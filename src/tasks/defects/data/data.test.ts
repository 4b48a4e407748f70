import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hugePng, imageFile, put } from '../../../test/images.fixture.js';
import { openDefectData, productOf } from './open.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'defect-data-'));
  await mvtec('mvtec/cap');
});
afterAll(() => rm(folder, { recursive: true }));

/** Images of 20 × 10, the mask's left half marked. */
const mask = (values: readonly number[] = [0, 255], width = 20) =>
  sharp(
    Uint8Array.from({ length: width * 10 }, (_, i) => values[Math.floor(((i % width) * values.length) / width)]!),
    { raw: { width, height: 10, channels: 1 } },
  )
    .png()
    .toBuffer();

async function mvtec(at: string) {
  const root = join(folder, at);
  for (const i of ['000', '001', '002']) await put(root, `train/good/${i}.png`);
  await put(root, 'test/good/000.png');
  await put(root, 'test/crack/000.png');
  await put(root, 'test/crack/001.png');
  await put(root, 'ground_truth/crack/000_mask.png', await mask());
}

const size = { width: 20, height: 10 };

describe('data of defects', () => {
  it('are read in the layout of MVTec AD, of all products or of one', async () => {
    const all = await openDefectData(`mvtec:${join(folder, 'mvtec')}`);
    const product = productOf(all, 'cap');
    expect(product.train.map(({ id }) => id)).toEqual(['000', '001', '002'].map((i) => `cap/train/good/${i}.png`));
    expect(product.test.map(({ defect }) => defect)).toEqual(['crack', 'crack', undefined]);
    const [first, second, sound] = product.test;
    const found = await all.mask(first!, size);
    expect([...found!.data.subarray(0, 20)]).toEqual([...Array(10).fill(0), ...Array(10).fill(1)]);
    expect(await all.mask(second!, size)).toBeUndefined();
    expect((await all.mask(sound!, size))!.data.every((one) => one === 0)).toBe(true);
    const one = await openDefectData(`mvtec:${join(folder, 'mvtec/cap')}`);
    expect(productOf(one, undefined).name).toBe('cap');
    expect(one.fingerprint).not.toBe(all.fingerprint);
  });

  it('are read where a link among them leads nowhere', async () => {
    await mvtec('linked/cap');
    await symlink('nowhere', join(folder, 'linked/cap/test/scratch'));
    const { test } = productOf(await openDefectData(`mvtec:${join(folder, 'linked')}`), 'cap');
    expect(test).toHaveLength(3);
  });

  it('are read in VisA’s layout, whose masks count kinds', async () => {
    const root = join(folder, 'visa');
    await put(root, 'candle/Data/Images/Normal/0.JPG', await imageFile('#888', 'jpeg'));
    await put(root, 'candle/Data/Images/Anomaly/0.JPG', await imageFile('#888', 'jpeg'));
    await put(root, 'candle/Data/Masks/Anomaly/0.png', await mask([0, 1, 2]));
    await put(
      root,
      'split_csv/1cls.csv',
      `object,split,label,image,mask\ncandle,train,normal,candle/Data/Images/Normal/0.JPG,\ncandle,test,anomaly,candle/Data/Images/Anomaly/0.JPG,candle/Data/Masks/Anomaly/0.png\n`,
    );
    const data = await openDefectData(`visa:${root}`);
    const { train, test } = productOf(data, 'candle');
    expect([train.length, test.length, test[0]!.defect]).toEqual([1, 1, 'anomaly']);
    expect((await data.mask(test[0]!, size))!.data.filter((one) => one === 1).length).toBeGreaterThan(100);
    await writeFile(join(root, 'split_csv/1cls.csv'), 'object,split,image\n');
    await expect(openDefectData(`visa:${root}`)).rejects.toThrow(
      'expected the columns object, split, label, image, mask',
    );
  });

  it('are read by AnomalyCLIP’s meta.json', async () => {
    const root = join(folder, 'meta');
    await cp(join(folder, 'mvtec'), root, { recursive: true });
    const entry = (img_path: string, anomaly: number, mask_path = '', specie_name = 'good') => ({
      ...{ img_path, mask_path, cls_name: 'cap', specie_name, anomaly },
    });
    const meta = {
      train: { cap: [entry('cap/train/good/000.png', 0), entry('cap/gone.png', 0)] },
      test: { cap: [entry('cap/test/crack/000.png', 1, 'cap/ground_truth/crack/000_mask.png', 'crack')] },
    };
    await put(root, 'meta.json', JSON.stringify(meta));
    const data = await openDefectData(`meta:${root}`);
    expect(data.products[0]!.test[0]).toMatchObject({ defect: 'crack' });
    expect(data.skipped).toEqual([{ id: 'cap/gone.png', reason: 'cap/gone.png: found no such file' }]);
    await put(root, 'meta.json', JSON.stringify({ train: { cap: [{ img_path: 'a.png', anomaly: 2 }] }, test: {} }));
    await expect(openDefectData(`meta:${root}`)).rejects.toThrow(/meta.json: train.cap.0.anomaly: expected .* got 2/);
  });

  it('refuse a training set of defective images alone', async () => {
    const root = join(folder, 'abnormal');
    await put(root, 'a.png');
    const meta = { train: { cap: [{ img_path: 'a.png', specie_name: 'crack', anomaly: 1 }] }, test: { cap: [] } };
    await put(root, 'meta.json', JSON.stringify(meta));
    await expect(openDefectData(`meta:${root}`)).rejects.toThrow(
      'expected sound images to be fitted by, found none, the first that was left out: a.png: a defective image (crack)',
    );
  });

  it('are read as anomalib’s Folder', async () => {
    const root = join(folder, 'parts');
    for (let i = 0; i < 6; i++) await put(root, `good/${i}.png`);
    await put(root, 'crack/7.png');
    await put(root, 'masks/7.png', await mask());
    const data = await openDefectData(`anomalib:${root}?normal=good&abnormal=crack&mask=masks`);
    const { train, test, name } = productOf(data, undefined);
    expect([name, train.length, test.map(({ id }) => id)]).toEqual(['parts', 5, ['good/4.png', 'crack/7.png']]);
    expect((await data.mask(test[1]!, size))!.data.some((one) => one === 1)).toBe(true);
    await expect(openDefectData(`anomalib:${root}?normal=good&abnormal=bent`)).rejects.toThrow(
      'bent: expected a folder',
    );
    await expect(openDefectData(`anomalib:${root}?norml=good`)).rejects.toThrow('unknown option norml');
  });

  it('say what is wrong with a mask of another size or of three values', async () => {
    const at = join(folder, 'wrong');
    await cp(join(folder, 'mvtec'), at, { recursive: true });
    const data = await openDefectData(`mvtec:${at}`);
    const { test } = productOf(data, 'cap');
    const file = 'cap/ground_truth/crack/000_mask.png';
    await put(at, file, await mask([0, 255], 10));
    await expect(data.mask(test[0]!, size)).rejects.toThrow(
      `${file}: expected a mask of 20 × 10 pixels, as its image has, got 10 × 10`,
    );
    await put(at, file, await mask([0, 128, 255]));
    await expect(data.mask(test[0]!, size)).rejects.toThrow(
      `${file}: expected a mask of two values, as 0 and 255, got at least 0, 128 and 255`,
    );
  });

  it('refuse an image of 40,000 pixels a side, and read one of 16 bits by its upper 8', async () => {
    const at = join(folder, 'images');
    await cp(join(folder, 'mvtec'), at, { recursive: true });
    await put(at, 'cap/train/good/000.png', hugePng());
    const deep = await sharp(new Uint16Array(20 * 10 * 3).fill(0x40ff), { raw: { width: 20, height: 10, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    await put(at, 'cap/train/good/001.png', deep);
    const data = await openDefectData(`mvtec:${at}`);
    const [huge, sixteen] = productOf(data, 'cap').train;
    await expect(data.load(huge!)).rejects.toThrow('expected an image of at most 100 million pixels');
    const read = await data.load(sixteen!);
    expect([read.width, read.height]).toEqual([20, 10]);
    for (const value of read.data) expect(Math.abs(value - 0x40)).toBeLessThanOrEqual(1);
  });

  it('say what is known where kind or product is mistyped', async () => {
    await expect(openDefectData('mvtecc:x')).rejects.toThrow(/expected one of surfaces, .*did you mean mvtec:DIR\?/);
    await expect(openDefectData('visa')).rejects.toThrow('--data visa: expected visa:DIR');
    await expect(openDefectData(`mvtec:${folder}`)).rejects.toThrow('expected MVTec AD');
    const data = await openDefectData('surfaces');
    expect(() => productOf(data, undefined)).toThrow(
      'surfaces has 5 products: choose one with --product: fabric, metal',
    );
    expect(() => productOf(data, 'metl')).toThrow('did you mean metal?');
  });

  it('of a stranger lead to no file elsewhere, nor to a mask that is not as large as its image', async () => {
    const root = join(folder, 'strange');
    for (const name of ['a.png', 'b.png']) await put(root, name);
    await put(root, 'large.png', hugePng());
    await put(folder, 'elsewhere.png');
    const entry = (img_path: string, anomaly = 0, mask_path = '') => ({ img_path, mask_path, anomaly });
    const test = { constructor: [entry('b.png', 1, 'large.png'), entry('b.png', 1, '../elsewhere.png')] };
    const train = { constructor: [entry('a.png'), entry('../elsewhere.png')], __proto__x: [entry('a.png')] };
    await put(root, 'meta.json', JSON.stringify({ train, test: { ...test, toString: [entry('b.png')] } }));
    const data = await openDefectData(`meta:${root}`);
    expect(data.products.map(({ name }) => name)).toEqual(['__proto__x', 'constructor', 'toString']);
    expect(data.skipped.map(({ reason }) => /leads out of/.test(reason))).toEqual([true, true]);
    const [first] = productOf(data, 'constructor').test;
    await expect(data.mask(first!, size)).rejects.toThrow('large.png: expected a mask');
  });
});
