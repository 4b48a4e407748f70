import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { describe, expect, it, vi } from 'vitest';
import { augmentOptions } from '../augment/index.js';
import { openDataset } from '../data/index.js';
import { teacher } from '../test/colours.fixture.js';
import { imageFile, put } from '../test/images.fixture.js';
import { EpochOrder } from './epoch-order.js';
import { ViewBatches } from './view-batches.js';

const [shardCount, each, buffer] = [20, 50, 100];
const count = shardCount * each;
// Shards that do not stand in order, as they do not in a subset.
const shards = Int32Array.from({ length: count }, (_, i) => i % shardCount);
const epoch = (order: EpochOrder, n: number) =>
  Array.from({ length: count }, (_, i) => order.at(n * count + i).example);
const sorted = Array.from({ length: count }, (_, i) => i);

describe.each([
  ['without shards', undefined],
  ['by shard and buffer', shards],
])('EpochOrder %s', (_, given) => {
  const order = () => new EpochOrder(count, 3, given, buffer);

  it('passes over every example once an epoch, each epoch in another order', () => {
    const [first, second] = [epoch(order(), 0), epoch(order(), 1)];
    for (const one of [first, second]) expect(one.toSorted((a, b) => a - b)).toEqual(sorted);
    expect(first).not.toEqual(second);
    expect(epoch(new EpochOrder(count, 4, given, buffer), 0)).not.toEqual(first);
  });

  it('goes on from any position as if it had begun at the start', () => {
    const whole = epoch(order(), 2);
    for (const position of [0, 1, 371, count - 1]) {
      expect(order().at(2 * count + position)).toEqual({ example: whole[position], epoch: 2 });
    }
  });
});

describe('shards', () => {
  it('come one after the other: nothing is read before the buffer reaches it, and most soon after', () => {
    for (let n = 0; n < 5; n++) {
      const read = epoch(new EpochOrder(count, n, shards, buffer), 0);
      const seen = [...new Set(read.map((example) => shards[example]!))];
      const first = new Map(seen.map((shard) => [shard, read.findIndex((example) => shards[example] === shard)]));
      // The buffer reaches the k-th shard's first example when k · each − buffer have come out.
      const starts = [...first.values()].sort((a, b) => a - b);
      for (const [k, start] of starts.entries()) expect(start).toBeGreaterThanOrEqual(Math.max(0, k * each - buffer));
      // Without shards every one's mean place would be the middle, give or take a few hundredths.
      const places = new Map(read.map((example, at) => [example, at]));
      const means = seen.map((shard) => {
        const own = sorted.filter((example) => shards[example] === shard).map((example) => places.get(example)!);
        return own.reduce((a, b) => a + b) / each;
      });
      const spread = Math.max(...means) - Math.min(...means);
      expect(spread).toBeGreaterThan(count * 0.7);
    }
  });

  it('are shuffled evenly where the buffer holds all: every example is as likely to come first', () => {
    const small = Int32Array.from([0, 0, 0, 1, 1, 2]);
    const firsts = new Array<number>(6).fill(0);
    for (let seed = 0; seed < 6000; seed++) firsts[new EpochOrder(6, seed, small, 6).at(0).example]!++;
    // 1000 each; a deviation of 29 times four.
    for (const n of firsts) expect(Math.abs(n - 1000)).toBeLessThan(116);
  });
});

it('batches out of WebDataset shards are the same in a run that goes on as in one that was not stopped', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'promptkd-order-'));
  vi.stubEnv('PROMPTKD_CACHE', join(folder, 'cache'));
  try {
    for (let shard = 0; shard < 3; shard++) {
      const tar = pack();
      for (let i = 0; i < 4; i++) {
        tar.entry({ name: `${i}.cls` }, String(4 * shard + i));
        tar.entry({ name: `${i}.png` }, await imageFile(`#${'0369'[shard]}0${i}0f0`));
      }
      tar.finalize();
      const chunks: Buffer[] = [];
      for await (const chunk of tar) chunks.push(chunk as Buffer);
      await put(folder, `${shard}.tar`, Buffer.concat(chunks));
    }
    const dataset = await openDataset(`wds:${folder}/{0..2}.tar?into=train`);
    const { preprocess } = teacher;
    const read = async (steps: readonly number[]) => {
      const options = { batch: 4, seed: 5, augment: augmentOptions.parse({}), preprocess };
      const batches = new ViewBatches(dataset, dataset.splits.train!, options);
      const all = [];
      for (const step of steps) {
        await batches.fill(step);
        all.push({ labels: [...batches.labels.data], pixels: batches.pixels.data.slice() });
      }
      await batches.dispose();
      return all;
    };
    const whole = await read([0, 1, 2, 3, 4, 5]);
    expect(await read([4, 5])).toEqual(whole.slice(4));
    for (const epoch of [whole.slice(0, 3), whole.slice(3)]) {
      expect(new Set(epoch.flatMap(({ labels }) => labels)).size).toBe(12);
    }
    expect(whole[0]!.labels).not.toEqual(whole[3]!.labels);
  } finally {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  }
});
