import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BasicType, parquetWriteBuffer } from 'hyparquet-writer';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { imageFile } from '../../../test/images.fixture.js';
import { openDataset } from '../../index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-parquet-columns-'));
  vi.stubEnv('PROMPTKD_CACHE', join(folder, 'cache'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

type Column = readonly [name: string, type: BasicType, data: readonly unknown[]];

/** Writes a file of these columns, and Hugging Face's names of the classes of one. */
async function write(name: string, columns: readonly Column[], names?: Readonly<Record<string, readonly string[]>>) {
  const features = Object.fromEntries(
    Object.entries(names ?? {}).map(([column, own]) => [column, { names: own, _type: 'ClassLabel' }]),
  );
  const bytes = parquetWriteBuffer({
    columnData: columns.map(([name, type, data]) => ({ name, type, data: [...data] })),
    ...(names && { kvMetadata: [{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }] }),
  });
  await writeFile(join(folder, name), new Uint8Array(bytes));
}
const images = async (...colours: string[]): Promise<Column> => [
  'image',
  'BYTE_ARRAY',
  await Promise.all(colours.map(async (colour) => new Uint8Array(await imageFile(colour)))),
];
const said = async (spec: string) => {
  const { splits, classes, ...rest } = await openDataset(`${spec}?into=train`);
  const own = splits.train!.map(({ label, captions }) => [
    label === undefined ? undefined : classes[label]!.name,
    captions,
  ]);
  return { own, names: classes.map(({ name }) => name), ...rest };
};

it('takes the column that holds images, and names of files for what they are', async () => {
  const [, type, data] = await images('#c04020', '#20c040');
  await write('x.parquet', [
    ['file_name', 'STRING', ['a.png', 'b.png']],
    ['digest', 'BYTE_ARRAY', [new Uint8Array([1, 2]), new Uint8Array([3])]],
    ['shot', type, data],
    ['text', 'STRING', ['one', 'two']],
  ]);
  expect((await said(`parquet:${folder}/x.parquet`)).own).toEqual([
    [undefined, ['one']],
    [undefined, ['two']],
  ]);
});

it('takes −1 and numbers beyond the names for no class, and counts them', async () => {
  const columns: Column[] = [await images('#c00', '#0c0', '#00c', '#cc0'), ['label', 'INT64', [1n, -1n, 0n, 5n]]];
  await write('x.parquet', columns, { label: ['red_fox', 'owl'] });
  const { own, names, remarks } = await said(`parquet:${folder}/x.parquet`);
  expect(own.map(([name]) => name)).toEqual(['owl', undefined, 'red fox', undefined]);
  expect(names).toEqual(['red fox', 'owl']);
  expect(remarks!.map(({ count, examples }) => [count, examples])).toEqual([
    [1, ['x.parquet/row 1: -1']],
    [1, ['x.parquet/row 3: 5']],
  ]);
});

it('joins files whose lists of classes differ by their names, and reads truth values as classes', async () => {
  await write('a.parquet', [await images('#c00'), ['label', 'INT64', [0n]]], { label: ['owl', 'fox'] });
  await write('b.parquet', [await images('#0c0'), ['label', 'INT64', [0n]]], { label: ['fox', 'owl'] });
  expect((await said(`parquet:${folder}/{a,b}.parquet`)).own.map(([name]) => name)).toEqual(['owl', 'fox']);
  await write('c.parquet', [await images('#c00', '#0c0'), ['label', 'BOOLEAN', [true, false]]]);
  expect((await said(`parquet:${folder}/c.parquet`)).own.map(([name]) => name)).toEqual(['true', 'false']);
});

it('mentions files that are empty or broken beside others, and columns that were named wrong', async () => {
  await copyFile('fixtures/data/cards.parquet', join(folder, 'good.parquet'));
  await writeFile(join(folder, 'empty.parquet'), '');
  await writeFile(join(folder, 'text.parquet'), 'no parquet at all, only text');
  const { own, skipped } = await said(`parquet:${folder}`);
  expect(own).toHaveLength(3);
  expect(skipped.map(({ id }) => id)).toEqual(['empty.parquet', 'good.parquet/row 3', 'text.parquet']);
  expect(skipped[0]!.reason).toBe('expected a parquet file: it has 0 bytes');
  await write('x.parquet', [
    ['file_name', 'STRING', ['a.png']],
    ['text', 'STRING', ['one']],
  ]);
  await expect(openDataset(`parquet:${folder}/x.parquet`)).rejects.toThrow(
    'x.parquet: no column holds the bytes of images; it has file_name, text',
  );
});

it('takes −1 among names for no class, and names numbers by a column beside them', async () => {
  const shots = await images('#c04020', '#20c040', '#2040c0', '#c0c020');
  await write('x.parquet', [shots, ['label', 'STRING', ['cat', 'dog', '-1', 'cat']]]);
  expect((await said(`parquet:${folder}/x.parquet`)).own.map(([name]) => name)).toEqual([
    'cat',
    'dog',
    undefined,
    'cat',
  ]);
  await write('y.parquet', [shots, ['label', 'INT32', [1, 0, 1, 0]], ['name', 'STRING', ['cat', 'dog', 'cat', 'dog']]]);
  expect((await said(`parquet:${folder}/y.parquet`)).names).toEqual(['dog', 'cat']);
});
