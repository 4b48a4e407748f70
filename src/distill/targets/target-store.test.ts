import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';

import { temporaryPath } from '../../files/index.js';
import type { TargetContents } from './target-layout.js';
import { TargetStore } from './target-store.js';

let dir = '';
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'promptkd-store-')), 'targets');
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true }));

const contents: TargetContents = { size: 4, embed: 3, tokens: 5, width: 2, hidden: [1, 3], attention: [3] };
const fingerprint = { teacher: 'abc', seed: 1 };
const wanted = { contents, examples: 5, views: 1 };

/** A store of five records in shards of two or one; embed[0] is the record's number. */
async function filled(shards = 3): Promise<TargetStore> {
  const store = await TargetStore.create(dir, fingerprint, wanted);
  for (let s = 0; s < shards; s++) {
    const first = store.written;
    const shard = new Uint8Array(Math.min(2, store.records - first) * store.layout.bytes);
    for (let i = 0; i * store.layout.bytes < shard.length; i++) {
      const record = shard.subarray(i * store.layout.bytes, (i + 1) * store.layout.bytes);
      store.layout.embed(record)[0] = first + i;
      store.layout.writeHidden(record, 3, new Float32Array(10).fill(1));
      store.layout.writeAttention(record, 3, new Float32Array(25).fill(2));
      store.layout.pixels(record).fill(7);
    }
    await store.append(shard);
  }
  return store;
}

const open = (changed: Partial<TargetContents> = {}) =>
  TargetStore.open(dir, fingerprint, { ...wanted, contents: { ...contents, ...changed } });

describe('TargetStore', () => {
  it('gives back what was put in, also after it is opened again', async () => {
    (await filled()).close();
    const store = open({ hidden: [3] })!;
    expect(store.complete).toBe(true);
    const record = new Uint8Array(store.layout.bytes);
    for (const i of [4, 0, 3]) {
      store.read(i, record);
      expect(store.layout.embed(record)[0]).toBe(i);
    }
    const out = new Float32Array(30);
    store.layout.readHidden(record, 3, out, 10);
    expect([...out]).toEqual([...new Array(10).fill(0), ...new Array(10).fill(1), ...new Array(10).fill(0)]);
    store.layout.readAttention(record, 3, out, 0);
    expect(out[24]).toBe(2);
    expect([...store.layout.pixels(record)]).toEqual(new Array(48).fill(7));
    store.close();
  });

  it('says how far a begun store has come', async () => {
    await filled(1);
    const store = open()!;
    expect([store.written, store.complete]).toEqual([2, false]);
    expect(() => store.read(2, new Uint8Array(store.layout.bytes))).toThrow('record 2 of 2');
  });

  it('is refused when it is of something else, naming what', async () => {
    await filled();
    expect(() => TargetStore.open(dir, { ...fingerprint, seed: 2 }, wanted)).toThrow('(seed was 1, is 2)');
    expect(() => open({ attention: [1] })).toThrow('lack the attention of teacher layer 1');
    expect(TargetStore.open(join(dir, 'none'), fingerprint, wanted)).toBeUndefined();
  });

  it('is refused when a shard is damaged', async () => {
    await filled();
    const shard = join(dir, 'shard-00001.bin');
    const bytes = readFileSync(shard);
    bytes[5]! ^= 1;
    writeFileSync(shard, bytes);
    expect(() => open()).toThrow('shard-00001.bin: missing or damaged');
    rmSync(shard);
    expect(() => open()).toThrow('shard-00001.bin: missing or damaged');
  });

  it.each<[string, (manifest: ReturnType<typeof JSON.parse>) => unknown]>([
    ['content: ', () => null],
    ['version: expected 3, got 1: ', (m) => ({ ...m, version: 1 })],
    ['shards: ', ({ shards, ...rest }) => rest],
    ['contents: ', ({ contents, ...rest }) => rest],
    ['contents.embed: expected number, got "3": ', (m) => ({ ...m, contents: { ...m.contents, embed: '3' } })],
    [
      'shards.0.file: expected text that matches /^shard-\\d{5,}\\.bin$/, got "../mine.bin": ',
      (m) => ({ ...m, shards: [{ ...m.shards[0], file: '../mine.bin' }] }),
    ],
    ['its checksum differs: ', (m) => ({ ...m, unreadable: [{ example: 0, id: 'a', reason: 'b' }] })],
    ['fingerprint: ', (m) => ({ ...m, fingerprint: 'abc' })],
  ])('names the field of a damaged manifest: %s', async (field, damage) => {
    await filled(1);
    const path = join(dir, 'manifest.json');
    writeFileSync(path, JSON.stringify(damage(JSON.parse(readFileSync(path, 'utf8')))));
    expect(() => open()).toThrow(UserError);
    expect(() => open()).toThrow(`${path}: ${field}`);
    expect(() => open()).toThrow(`delete the folder ${dir}`);
  });

  it('takes the place of another store, but of no other file', async () => {
    await filled();
    writeFileSync(join(dir, 'mine.csv'), 'mine');
    await TargetStore.create(dir, fingerprint, wanted);
    expect(readdirSync(dir).sort()).toEqual(['manifest.json', 'mine.csv']);
  });

  it('is begun where a write of its manifest was killed, and leaves none of that', async () => {
    mkdirSync(dir);
    const killed = basename(temporaryPath(join(dir, 'manifest.json'))).replace(`-${process.pid}.`, `-${2 ** 22 + 1}.`);
    writeFileSync(join(dir, killed), '{"version"');
    expect(open()).toBeUndefined();
    await filled(1);
    expect(readdirSync(dir).sort()).toEqual(['manifest.json', 'shard-00000.bin']);
  });

  it('is not taken for damaged where it cannot be read', async () => {
    await filled(1);
    rmSync(join(dir, 'manifest.json'));
    mkdirSync(join(dir, 'manifest.json'));
    expect(() => open()).toThrow(`${join(dir, 'manifest.json')}: expected a file, got a folder`);
    const again = TargetStore.create(dir, fingerprint, wanted);
    await expect(again).rejects.toThrow(`${join(dir, 'manifest.json')}: expected a file, got a folder`);
  });

  it.each([
    ['mine.csv', 'mine'],
    ['manifest.json', '{"name":"my web page"}'],
    ['manifest.json', ''],
  ])('is not begun in a folder of somebody else: %s %s', async (file, content) => {
    mkdirSync(dir);
    writeFileSync(join(dir, file), content);
    const refused = expect(TargetStore.create(dir, fingerprint, wanted)).rejects;
    await refused.toThrow(UserError);
    await refused.toThrow(`${dir}: expected stored teacher targets, an empty folder or none, found ${file}`);
    expect(readFileSync(join(dir, file), 'utf8')).toBe(content);
  });
});
