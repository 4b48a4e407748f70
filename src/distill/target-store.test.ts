import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TargetContents } from './target-layout.js';
import { TargetStore } from './target-store.js';

let dir = '';
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'promptkd-store-')), 'targets');
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true }));

const contents: TargetContents = { size: 4, embed: 3, tokens: 5, width: 2, hidden: [1, 3], attention: [3] };
const fingerprint = { teacher: 'abc', seed: 1 };

/** A store of five records in shards of two; embed[0] is the record's number. */
async function filled(shards = 3): Promise<TargetStore> {
  const store = await TargetStore.create(dir, fingerprint, contents, 5, 2);
  for (let s = 0; s < shards; s++) {
    const first = store.written;
    const shard = new Uint8Array(store.nextShardRecords * store.layout.bytes);
    for (let i = 0; i * store.layout.bytes < shard.length; i++) {
      const record = shard.subarray(i * store.layout.bytes, (i + 1) * store.layout.bytes);
      store.layout.embed(record)[0] = first + i;
      store.layout.hidden(record, 3).fill(0x3c00); // 1 as binary16
      store.layout.attention(record, 3).fill(0x4000); // 2
      store.layout.pixels(record).fill(7);
    }
    await store.append(shard);
  }
  return store;
}

describe('TargetStore', () => {
  it('gives back what was put in, also after it is opened again', async () => {
    (await filled()).close();
    const store = TargetStore.open(dir, fingerprint, { ...contents, hidden: [3] })!;
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
    const store = TargetStore.open(dir, fingerprint, contents)!;
    expect([store.written, store.complete, store.nextShardRecords]).toEqual([2, false, 2]);
    expect(() => store.read(2, new Uint8Array(store.layout.bytes))).toThrow('record 2 of 2');
  });

  it('is refused when it is of something else, naming what', async () => {
    await filled();
    expect(() => TargetStore.open(dir, { ...fingerprint, seed: 2 }, contents)).toThrow('(seed was 1, is 2)');
    expect(() => TargetStore.open(dir, fingerprint, { ...contents, attention: [1] })).toThrow(
      'lacks the attention of teacher layer 1',
    );
    expect(TargetStore.open(join(dir, 'none'), fingerprint, contents)).toBeUndefined();
  });

  it('is refused when a shard is damaged', async () => {
    await filled();
    const shard = join(dir, 'shard-00001.bin');
    const bytes = readFileSync(shard);
    bytes[5]! ^= 1;
    writeFileSync(shard, bytes);
    expect(() => TargetStore.open(dir, fingerprint, contents)).toThrow('shard-00001.bin: missing or damaged');
  });
});
