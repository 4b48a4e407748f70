import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeFileAtomic } from './atomic.js';
import { npyContent, readNpy } from './npy.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-npy-'));
});
afterEach(() => rm(folder, { recursive: true }));

const matrix = { shape: [2, 3] as const, data: new Float32Array([1, -0.5, 0.25, 3, 0, 65504]) };

it.each(['f16', 'f32'] as const)('writes what NumPy writes, and reads it: %s', async (dtype) => {
  const path = join(folder, 'm.npy');
  await writeFileAtomic(path, npyContent(matrix, dtype));
  expect(await readNpy(path)).toEqual(matrix);
  const bytes = await readFile(path);
  // As numpy.save writes it: version 1.0, and data at a multiple of 64.
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from('\x93NUMPY\x01\x00', 'latin1'));
  expect((10 + bytes.readUInt16LE(8)) % 64).toBe(0);
  const descr = dtype === 'f16' ? '<f2' : '<f4';
  expect(bytes.toString('latin1', 10, 128).trim()).toBe(
    `{'descr': '${descr}', 'fortran_order': False, 'shape': (2, 3), }`,
  );
});

it('refuses what is no such matrix, or ends early', async () => {
  const path = join(folder, 'm.npy');
  await writeFile(path, 'text');
  await expect(readNpy(path)).rejects.toThrow('this is no file of NumPy');
  await writeFileAtomic(path, npyContent(matrix, 'f32'));
  await writeFile(path, (await readFile(path)).subarray(0, -4));
  await expect(readNpy(path)).rejects.toThrow('it has 20 bytes for 6 of them');
});
