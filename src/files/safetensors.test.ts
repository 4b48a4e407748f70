import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import type { HostTensor } from '../tensor/index.js';
import { writeFileAtomic } from './atomic.js';
import {
  encodeSafetensors,
  firstNotFinite,
  readSafetensors,
  readSafetensorsHeader,
  writeSafetensors,
} from './safetensors.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-files-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A file from a header (an object, or text) and data. */
function file(header: unknown, data = new Uint8Array(0)): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const tensors: Record<string, HostTensor> = {
  b: { shape: [2, 2], data: Float32Array.of(1, -2.5, 0.1, 65504) },
  a: { shape: [], data: Float32Array.of(3) },
  ids: { shape: [3], data: Int32Array.of(-1, 0, 2 ** 31 - 1) },
  none: { shape: [0, 4], data: new Float32Array(0) },
};

describe('writeSafetensors and readSafetensors', () => {
  it('give back the same tensors and metadata', async () => {
    const path = join(folder, 'same.safetensors');
    await writeSafetensors(path, tensors, { metadata: { format: 'pt' } });
    const read = readSafetensors(path);
    expect(read.tensors).toEqual(tensors);
    expect(read.metadata).toEqual({ format: 'pt' });
    expect(readSafetensors(await readFile(path))).toEqual(read);
    expect(readSafetensors(path, { skip: (name) => name !== 'a' }).tensors).toEqual({ a: tensors.a });
  });

  it('write the same bytes whatever the order, with data aligned', async () => {
    const reversed = Object.fromEntries(Object.entries(tensors).reverse());
    const path = join(folder, 'half.safetensors');
    await writeSafetensors(path, tensors, { dtype: 'F16' });
    expect(Buffer.concat([...encodeSafetensors(reversed, { dtype: 'F16' })])).toEqual(await readFile(path));
    expect((await readFile(path)).readBigUInt64LE(0) % 8n).toBe(0n);
    for (const { begin, dtype } of readSafetensorsHeader(path)) expect(begin % (dtype === 'F16' ? 2 : 4)).toBe(0);
    expect(readSafetensors(path).tensors.b!.data).toEqual(Float32Array.of(1, -2.5, 0.0999755859375, 65504));
  });

  it('refuse what does not fit', async () => {
    const large = { w: { shape: [1], data: Float32Array.of(70000) } };
    await expect(writeSafetensors(join(folder, 'x'), large, { dtype: 'F16' })).rejects.toThrow(
      /w: expected values within ±65,504/,
    );
    const short = { w: { shape: [3], data: new Float32Array(2) } };
    await expect(writeSafetensors(join(folder, 'x'), short)).rejects.toThrow(/w: expected 3 elements/);
    expect((await readdir(folder)).filter((name) => name === 'x' || name.endsWith('.tmp'))).toEqual([]);
  });

  it('read BF16 and I64', () => {
    const data = new Uint8Array(new Uint16Array([0x3f80, 0xc000, 0, 0]).buffer);
    new DataView(data.buffer).setInt16(4, 7, true);
    const bf = file({ w: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] } }, data.slice(0, 4));
    expect(readSafetensors(bf).tensors.w!.data).toEqual(Float32Array.of(1, -2));
    const long = (value: bigint) =>
      file({ w: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }, new Uint8Array(BigInt64Array.of(value).buffer));
    expect(readSafetensors(long(-5n)).tensors.w!.data).toEqual(Int32Array.of(-5));
    expect(() => readSafetensors(long(2n ** 31n))).toThrow(/w: expected whole numbers of 32 bits/);
  });
});

describe('readSafetensors refuses', () => {
  const entry = (begin: number, end: number, shape = [(end - begin) / 4], dtype = 'F32') => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  });
  const cases: [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(3), /got 3 bytes/],
    ['a header longer than the file', file({}).fill(255, 0, 4), /header: expected at most/],
    ['a header that is not JSON', file('{"a": '), /header: expected JSON/],
    ['a header that is no object', file([]), /header: expected a JSON object/],
    ['metadata that is not text', file({ __metadata__: { a: 1 } }), /__metadata__/],
    ['truncated data', file({ w: entry(0, 8) }, new Uint8Array(4)), /w: data_offsets: .* truncated/],
    ['bytes after the data', file({ w: entry(0, 4) }, new Uint8Array(8)), /expected 4 bytes of data, got 8/],
    ['overlapping tensors', file({ a: entry(0, 8), b: entry(4, 12) }, new Uint8Array(12)), /b: .*overlaps/],
    ['a hole', file({ a: entry(0, 4), b: entry(8, 12) }, new Uint8Array(12)), /b: .*hole/],
    [
      'offsets that run backwards',
      file({ a: entry(8, 4, [1]) }, new Uint8Array(8)),
      /a: data_offsets: expected \[begin, end\]/,
    ],
    ['negative offsets', file({ a: entry(-4, 4, [2]) }, new Uint8Array(8)), /a: data_offsets/],
    [
      'a size that lies',
      file({ a: entry(0, 4, [1000]) }, new Uint8Array(4)),
      /a: expected 4000 bytes for F32 \[1000\], got 4/,
    ],
    ['a huge size', file({ a: entry(0, 4, [2 ** 52, 2 ** 52]) }, new Uint8Array(4)), /a: expected .* bytes for F32/],
    ['a fractional size', file({ a: entry(0, 4, [0.5]) }, new Uint8Array(4)), /a: shape/],
    ['an unknown type', file({ a: entry(0, 4, [1], 'F31') }, new Uint8Array(4)), /a: dtype: .*"F31"/],
    ['a type that we cannot use', file({ a: entry(0, 8, [1], 'F64') }, new Uint8Array(8)), /a: expected F32.* got F64/],
  ];
  it.each(cases)('%s', async (_, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(UserError);
    const path = join(folder, 'bad.safetensors');
    await writeFile(path, bytes);
    expect(() => readSafetensors(path)).toThrow(message);
  });

  it('a file that is not there', () => {
    expect(() => readSafetensors(join(folder, 'nowhere'))).toThrow(/nowhere: no such file/);
  });
});

describe('firstNotFinite', () => {
  it('finds NaN and infinity wherever they are', () => {
    for (const length of [0, 1, 4, 5]) {
      expect(firstNotFinite(new Float32Array(length).fill(-3e38))).toBe(-1);
      for (let i = 0; i < length; i++) {
        for (const bad of [NaN, Infinity, -Infinity])
          expect(firstNotFinite(new Float32Array(length).fill(bad, i, i + 1))).toBe(i);
      }
    }
  });
});

describe('writeFileAtomic', () => {
  it('replaces a file whole, makes folders, and leaves nothing behind when it fails', async () => {
    const path = join(folder, 'deep', 'er', 'file.txt');
    await writeFileAtomic(path, 'old');
    await writeFileAtomic(path, new TextEncoder().encode('new'));
    const failing = function* () {
      yield new Uint8Array(4);
      throw new Error('interrupted');
    };
    await expect(writeFileAtomic(path, failing())).rejects.toThrow('interrupted');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(join(folder, 'deep', 'er'))).toEqual(['file.txt']);
  });
});
