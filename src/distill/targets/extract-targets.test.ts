import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storedBatches } from '../../cvpr2024/image-batches.js';
import { UserError } from '../../errors.js';
import { hash } from '../../files/fingerprint.js';
import { compileOptions, dataset, recipe, teacher } from '../../test/colours.fixture.js';
import { type Teacher, teacherOf } from '../teacher/teacher.js';
import { type ExtractOptions, ensureTargets } from './extract-targets.js';
import type { TargetStore } from './target-store.js';

const EXAMPLES = 80; // the teacher sees 64 at a time: a full batch and one that is partly filled
const examples = Array.from({ length: EXAMPLES }, (_, i) => {
  const example = dataset.splits.train![i % 12]!;
  return { ...example, id: `${example.id}${i}` };
});

let root = '';
let fresh: string[] = [];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-extract-'));
  fresh = records(await ensureTargets(options('fresh')));
});
afterAll(() => rmSync(root, { recursive: true }));

/** The teacher, and how often it looked at images. */
function counted(): { teacher: Teacher; passes: () => number } {
  const inner = teacherOf(teacher, { compile: compileOptions });
  let passes = 0;
  const images: Teacher['images'] = async (batch, wanted) => {
    const pass = await inner.images(batch, wanted);
    return { ...pass, run: (pixels) => pass.run(pixels).finally(() => passes++) };
  };
  return { teacher: { ...inner, images }, passes: () => passes };
}

function options(name: string, more: Partial<ExtractOptions> = {}): ExtractOptions {
  const { augment } = recipe({ augment: { mix: { mixup: 1, cutmix: 1, probability: 0.5 } } });
  return {
    ...{ teacher: counted().teacher, dataset, examples, views: 2, augment, seed: 3, hidden: [2], attention: [1] },
    ...{ dir: join(root, name), ...more },
  };
}

/** All records of a store, byte for byte. */
function records(store: TargetStore): string[] {
  const all = Array.from({ length: store.written }, (_, i) => {
    const record = new Uint8Array(store.layout.bytes);
    store.read(i, record);
    return Buffer.from(record).toString('base64');
  });
  store.close();
  return all;
}

/** Stops an extraction once that many records are done. */
async function stopped(name: string, at: number, more: Partial<ExtractOptions> = {}): Promise<TargetStore> {
  const controller = new AbortController();
  const onProgress = (done: number) => (done >= at ? controller.abort() : undefined);
  return ensureTargets(options(name, { ...more, signal: controller.signal, onProgress }));
}

const shards = (name: string) =>
  readdirSync(join(root, name))
    .filter((file) => file.startsWith('shard-'))
    .map((file) => [file, statSync(join(root, name, file)).mtimeMs]);

describe('stored targets', () => {
  it.each([
    ['hidden.2', 70_000, 'hidden states of layer 2: expected values within ±65,504, .* got 70000: map other layers'],
    ['hidden.2', Number.NaN, 'hidden states of layer 2: .* got NaN'],
    ['attention.1', Number.POSITIVE_INFINITY, 'attention maps of layer 1: .* got Infinity'],
  ])('refuse what fp16 cannot hold, and keep none of it: %s of %f', async (name, value, message) => {
    const inner = counted().teacher;
    const images: Teacher['images'] = async (batch, wanted) => {
      const pass = await inner.images(batch, wanted);
      const run: typeof pass.run = async (pixels) => {
        const result = await pass.run(pixels);
        result[name]!.data[5 * (result[name]!.data.length / batch) + 1] = value; // of the sixth image
        return result;
      };
      return { ...pass, run };
    };
    const dir = join(root, `large-${name}-${value}`);
    await expect(ensureTargets(options('', { teacher: { ...inner, images }, dir }))).rejects.toThrow(
      new RegExp(`^teacher: ${message}`),
    );
    // What came before it is whole, and an extraction goes on behind it.
    const store = await ensureTargets(options('', { dir }));
    expect(records(store)).toEqual(fresh);
  });

  it('pass over images that cannot be read, and name them, also where they are stopped', async () => {
    const bad = [3, 4, 70];
    const load: typeof dataset.load = async (example) => {
      if (bad.some((i) => examples[i]!.id === example.id)) throw new UserError(`${example.id}: torn`);
      return dataset.load(example);
    };
    const more = { dataset: { ...dataset, load } };
    const whole = await ensureTargets(options('bad', more));
    expect(whole.unreadable.map(({ example, reason }) => [example, reason])).toEqual(
      bad.map((i) => [i, `${examples[i]!.id}: torn`]),
    );
    expect([3, 4, 5, 70].map((i) => whole.standIn(i))).toEqual([5, 5, 5, 71]);
    (await stopped('bad-parts', 40, more)).close();
    const rest = await ensureTargets(options('bad-parts', more));
    expect(rest.unreadable).toEqual(whole.unreadable);
    expect(records(rest)).toEqual(records(whole));
  });

  it('grow by the views that they lack, and are those of a store that had them from the start', async () => {
    const [first, second] = [counted(), counted()];
    await ensureTargets(options('grown', { teacher: first.teacher, views: 1 }));
    const before = shards('grown');
    const store = await ensureTargets(options('grown', { teacher: second.teacher }));
    expect([first.passes(), second.passes()]).toEqual([2, 2]);
    expect(shards('grown').slice(0, before.length)).toEqual(before);

    const batches = (of: TargetStore) => storedBatches(of, teacher.preprocess, { seed: 1, batch: 16, views: 2 });
    const other = await ensureTargets(options('fresh'));
    for (const step of [0, 7]) {
      // Steps 0 to 4 are the first epoch, in the first view.
      const [a, b] = [await batches(store).at(step), await batches(other).at(step)];
      expect(hash(JSON.stringify(a))).toBe(hash(JSON.stringify(b)));
    }
    other.close();
    expect(records(store)).toEqual(fresh);
  });

  it('of more views than asked for are used as they are', async () => {
    const before = shards('fresh');
    const { teacher, passes } = counted();
    const store = await ensureTargets(options('fresh', { teacher, views: 1 }));
    expect([store.complete, store.records, passes()]).toEqual([true, EXAMPLES, 0]);
    expect(records(store)).toEqual(fresh);
    expect(shards('fresh')).toEqual(before);
  });

  it('keep every whole batch of an extraction that is stopped, and go on behind it', async () => {
    for (const done of [64, 80, 144]) {
      const store = await stopped('parts', done);
      expect([store.written, store.complete]).toEqual([done, false]);
      expect(records(store)).toEqual(fresh.slice(0, done));
    }
    const { teacher, passes } = counted();
    expect(records(await ensureTargets(options('parts', { teacher })))).toEqual(fresh);
    expect(passes()).toBe(1);
  });

  it('go on within a batch, where a store was stopped there', async () => {
    const { dir } = options('within');
    cpSync(join(root, 'fresh'), dir, { recursive: true });
    const [path, shard] = [join(dir, 'manifest.json'), join(dir, 'shard-00000.bin')];
    const manifest = JSON.parse(readFileSync(path, 'utf8'));
    const kept = readFileSync(shard).subarray(0, 70 * Buffer.from(fresh[0]!, 'base64').length);
    writeFileSync(shard, kept);
    const sha256 = createHash('sha256').update(kept).digest('hex');
    const { checksum: _, ...said } = { ...manifest, shards: [{ file: 'shard-00000.bin', records: 70, sha256 }] };
    writeFileSync(path, JSON.stringify({ ...said, checksum: hash(JSON.stringify(said)) }));
    expect(records(await ensureTargets(options('within')))).toEqual(fresh);
  });

  it('keep what was done before an image that cannot be read', async () => {
    const broken = {
      ...dataset,
      load: (e: (typeof examples)[number]) => (e === examples[70] ? fail() : dataset.load(e)),
    };
    const fail = () => Promise.reject(new Error('no image'));
    const { augment } = recipe();
    await expect(ensureTargets(options('broken', { dataset: broken, augment }))).rejects.toThrow('no image');
    const { teacher, passes } = counted();
    (await ensureTargets(options('broken', { teacher, augment }))).close();
    expect(passes()).toBe(3);
  });

  it('come out alike of several processes, each at a shard, in any order and stopped in between', async () => {
    const shared = (number: number, more: Partial<ExtractOptions> = {}) =>
      ensureTargets(options('shared', { shard: { number, of: 3 }, ...more }));
    // One view is there before; of the other's two batches and three shards one shard has none.
    const before = await ensureTargets(options('shared', { views: 1 }));
    before.close();
    const controller = new AbortController();
    const stopped = await shared(3, { signal: controller.signal, onProgress: () => controller.abort() });
    expect(stopped.complete).toBe(false);
    const third = counted();
    for (const [number, teacher] of [[1], [3, third.teacher]] as const) {
      const store = await shared(number, teacher ? { teacher } : {});
      expect(store.complete).toBe(false);
      store.close();
    }
    expect(third.passes()).toBe(0); // its only batch was whole when it was stopped
    const store = await shared(2);
    expect(store.complete).toBe(true);
    expect(records(store)).toEqual(fresh);
    expect(readdirSync(join(root, 'shared'))).not.toContain('parts');
    const { teacher, passes } = counted();
    expect(records(await ensureTargets(options('shared', { teacher })))).toEqual(fresh);
    expect(passes()).toBe(0);
  });

  it('are refused to a second process at one shard', async () => {
    let second: Promise<unknown> | undefined;
    const shard = { number: 1, of: 2 };
    const load: typeof dataset.load = async (example) => {
      second ??= ensureTargets(options('twice', { shard })).catch((error: Error) => error.message);
      await second;
      return dataset.load(example);
    };
    (await ensureTargets(options('twice', { shard, dataset: { ...dataset, load } }))).close();
    expect(await second).toContain(`shard 1/2 is being extracted by process ${process.pid}`);
  });

  it('do not take a folder of other files, also where they are to be rebuilt', async () => {
    const { dir } = options('fresh');
    const file = join(root, 'mine.csv');
    writeFileSync(file, 'mine');
    await expect(ensureTargets(options('.', { rebuild: true }))).rejects.toThrow('expected stored teacher targets');
    expect(readFileSync(file, 'utf8')).toBe('mine');
    const rebuilt = await ensureTargets(options('fresh', { seed: 4, views: 1, rebuild: true }));
    expect([rebuilt.dir, rebuilt.written]).toEqual([dir, EXAMPLES]);
    rebuilt.close();
  });
});
