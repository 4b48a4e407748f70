import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readJson, readLines, readNpy } from '../../files/index.js';
import { openDataset } from '../open.js';
import { streamJson } from './json/json-stream.js';
import { filesBelowFolder } from './walk.js';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-hostile-files-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function read(content: string): Promise<unknown[]> {
  const file = join(root, 'x.json');
  await writeFile(file, content);
  const values: unknown[] = [];
  await streamJson(file, ['$.list.*'], ({ value }) => values.push(value));
  return values;
}

it('a JSON file of lists within lists is refused before it is parsed', async () => {
  const deep = `${'['.repeat(1e5)}${']'.repeat(1e5)}`;
  await expect(read(`{"other": ${deep}, "list": [1]}`)).rejects.toThrow('x.json: expected at most 200 levels');
  await expect(read(`{"list": [${'{"a":'.repeat(1e5)}`)).rejects.toThrow('expected at most 200 levels');
  await expect(read(`{"list": ["${'x'.repeat(2e7)}"]}`)).rejects.toThrow('expected no text of 16777216 characters');
});

it('brackets in texts are no levels, wherever a piece of the file ends', async () => {
  const text = `${'\\"[{'.repeat(300)}\\\\`;
  for (const shift of [0, 1, 2, 3]) {
    // A piece has 1 MiB.
    const before = ' '.repeat(2 ** 20 - 700 + shift);
    expect(await read(`${before}{"list": ["${text}", "${text}"]}`)).toEqual(Array(2).fill(`${'"[{'.repeat(300)}\\`));
  }
});

it.skipIf(process.platform === 'win32')('a link to a device, which never ends, is refused', async () => {
  for (const name of ['list.csv', 'list.json', 'list.npy']) await symlink('/dev/zero', join(root, name));
  await expect(readNpy(join(root, 'list.npy'))).rejects.toThrow('list.npy: expected a file, got a device');
  await expect(readLines(join(root, 'list.json'))).rejects.toThrow('list.json: expected a file, got a device');
  await expect(openDataset(`csv:${join(root, 'list.csv')}`)).rejects.toThrow('list.csv: expected a file, got a device');
  await expect(readJson(join(root, 'list.json'))).rejects.toThrow('list.json: expected a file, got a device');
});

it('a folder of very many other files is not walked to its end', async () => {
  const folder = join(root, 'much');
  await mkdir(folder);
  for (let i = 0; i < 30; i++) await writeFile(join(folder, `${i}.txt`), '');
  await writeFile(join(folder, 'a.png'), '');
  const isImage = (name: string) => name.endsWith('.png');
  expect(await filesBelowFolder(folder, [], isImage, 40)).toHaveLength(31);
  await expect(filesBelowFolder(folder, [], isImage, 20)).rejects.toThrow(
    /found 2\d other files and [01] such below it/,
  );
});

it('a line of very many cells is refused by its number, before it is cut', async () => {
  await writeFile(join(root, 'wide.csv'), `image,caption\na.png,x\n${','.repeat(3e6)}\n`);
  await expect(openDataset(`csv:${join(root, 'wide.csv')}`)).rejects.toThrow(
    'wide.csv: line 3: expected fewer than 20000',
  );
});
