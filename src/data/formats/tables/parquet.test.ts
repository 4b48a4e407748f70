import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { put } from '../../../test/images.fixture.js';
import { openDataset } from '../../index.js';

/** Files that Hugging Face's datasets and PyArrow wrote: make-cards.py beside them. */
const made = 'fixtures/data';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-parquet-'));
  vi.stubEnv('PROMPTKD_CACHE', join(folder, 'cache'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

it('reads what datasets writes: image structs, captions, class names from the metadata, several row groups', async () => {
  const spec = `parquet:${made}/cards.parquet?into=train`;
  const { classes, splits, skipped, load, fingerprint } = await openDataset(spec);
  expect(classes.map(({ name }) => name)).toEqual(['tree frog', 'red fox']);
  expect(splits).toEqual({
    train: [
      { id: 'cards.parquet/row 0', label: 1, captions: ['a red card'] },
      { id: 'cards.parquet/row 1', label: 0, captions: ['a green card'] },
      { id: 'cards.parquet/row 2', label: 1, captions: ['a blue card, café'] },
    ],
  });
  expect(skipped).toEqual([{ id: 'cards.parquet/row 3', reason: 'Input buffer contains unsupported image format' }]);
  const { data, width, height } = await load(splits.train![2]!);
  expect([width, height, ...data.subarray(0, 3)]).toEqual([20, 10, 0x20, 0x40, 0xc0]);
  expect(await openDataset(spec)).toMatchObject({ splits, fingerprint });
});

it('reads bytes columns, gzipped, and takes splits from the names of the files', async () => {
  await mkdir(join(folder, 'data'));
  for (const name of ['train-00000-of-00001', 'validation-00000-of-00001']) {
    await copyFile(`${made}/bytes-gzip.parquet`, join(folder, 'data', `${name}.parquet`));
  }
  const { splits, classes } = await openDataset(`parquet:${folder}/data?classes=card`);
  expect(Object.entries(splits).map(([name, { length }]) => [name, length])).toEqual([
    ['train', 3],
    ['val', 3],
  ]);
  expect([splits.val![0]!.captions, classes.length]).toEqual([['a red card'], 1]);
});

it.each(['zstd', 'brotli', 'lz4'])(
  'reads bytes columns compressed with %s as it reads those gzipped',
  async (codec) => {
    const read = async (name: string) => {
      const { splits, load, skipped } = await openDataset(`parquet:${made}/${name}?into=train`);
      const images = await Promise.all(splits.train!.map(load));
      return [splits.train!.map(({ captions }) => captions), images, skipped.map(({ reason }) => reason)];
    };
    expect(await read(`bytes-${codec}.parquet`)).toEqual(await read('bytes-gzip.parquet'));
  },
);

it.each([
  ['bytes-gzip.parquet', '?text=txet', 'no column txet; it has img, text; did you mean text?'],
  ['bytes-gzip.parquet', '?image=text', 'row 0: it holds no bytes of an image'],
  ['no.parquet', '', 'no such file'],
])('refuses %s%s', async (name, options, message) => {
  await expect(openDataset(`parquet:${made}/${name}${options}`)).rejects.toThrow(message);
});

it('refuses a file that is cut short', async () => {
  const whole = await readFile(`${made}/cards.parquet`);
  const file = await put(folder, 'cut.parquet', whole.subarray(0, whole.length - 500));
  await expect(openDataset(`parquet:${file}`)).rejects.toThrow('cut.parquet: expected a parquet file');
});

it('says of columns that are counted wrong that the metadata is damaged', async () => {
  const bytes = await readFile('fixtures/data/cards.parquet');
  bytes[1208] = 70; // more columns than there are
  await put(folder, 'damaged.parquet', bytes);
  await expect(openDataset(`parquet:${join(folder, 'damaged.parquet')}`)).rejects.toThrow('its metadata is damaged');
});
