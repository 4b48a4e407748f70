import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readSafetensors } from '../files/index.js';
import { long } from '../test/long.fixture.js';
import { trainTogether, withoutMpi } from '../test/mpirun.fixture.js';
import { agree, type Group, gatherRows, imageSlice, launchOf, openGroup, sliceOf } from './index.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-group-'));
});
afterAll(() => rmSync(root, { recursive: true }));

it.each([
  [64, 4],
  [7, 3],
  [3, 3],
  [2, 4],
])('deals out every one of %i rows once over %i processes, as evenly as it goes', (total, size) => {
  const slices = Array.from({ length: size }, (_, rank) => sliceOf(total, { rank, size }));
  expect(slices.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => from + i))).toEqual(
    Array.from({ length: total }, (_, i) => i),
  );
  const counts = slices.map(({ count }) => count);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
});

it('refuses more processes than images', () => {
  const group = { rank: 0, size: 5 } as Parameters<typeof imageSlice>[2];
  expect(() => imageSlice('batch', 4, group)).toThrow('5 processes: batch is 4');
});

it('is a process by itself where no launcher has started it, or one of one', async () => {
  expect(launchOf({})).toBeUndefined();
  expect(launchOf({ PMI_SIZE: '4', PMI_RANK: '2' })).toEqual({ kind: 'mpich', size: 4, rank: 2 });
  expect((await openGroup({})).size).toBe(1);
  expect((await openGroup({ OMPI_COMM_WORLD_SIZE: '1', OMPI_COMM_WORLD_RANK: '0' })).size).toBe(1);
  const rows = Float32Array.of(1, 2);
  gatherRows(await openGroup({}), sliceOf(2), rows);
  expect([...rows]).toEqual([1, 2]);
});

it('says what to install where a launcher has started several and there is no MPI library', async () => {
  const named = process.env.PROMPTKD_MPI_LIBRARY;
  process.env.PROMPTKD_MPI_LIBRARY = 'libmpi-not-there.so';
  try {
    await expect(openGroup({ OMPI_COMM_WORLD_SIZE: '2' })).rejects.toThrow(
      /^this is one of 2 processes, and it cannot train with others: (PROMPTKD_MPI_LIBRARY: libmpi-not-there|koffi)/,
    );
  } finally {
    if (named === undefined) delete process.env.PROMPTKD_MPI_LIBRARY;
    else process.env.PROMPTKD_MPI_LIBRARY = named;
  }
});

it.each([
  [
    'another code',
    { versions: { code: 'a' } },
    { versions: { code: 'b' } },
    'rank 1: versions.code is "b", rank 0 has "a"',
  ],
  [
    'another library',
    { mpi: 'Open MPI v4.1.4' },
    { mpi: 'MPICH 4.0.2' },
    'rank 1: mpi is "MPICH 4.0.2", rank 0 has "Open',
  ],
  ['a field more', {}, { batch: 8 }, 'rank 1: batch is 8, rank 0 has none'],
])('refuses a process with %s', (_, own, other, message) => {
  const flat = Object.fromEntries(
    Object.entries(other).flatMap(([key, value]) =>
      typeof value === 'object'
        ? Object.entries(value).map(([inner, x]) => [`${key}.${inner}`, JSON.stringify(x)])
        : [[key, JSON.stringify(value)]],
    ),
  );
  const text = new TextEncoder().encode(JSON.stringify(flat));
  const group = {
    ...{ rank: 0, size: 2 },
    allReduce: (lengths: Float32Array) => void lengths.fill(text.length, 1),
    broadcast: (bytes: Uint8Array, from: number) => from === 1 && bytes.set(text),
  } as unknown as Group;
  expect(() => agree(group, own)).toThrow(message);
});

const missing = withoutMpi();
describe.skipIf(missing)(`processes that train together${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const few = { recipe: { steps: 6, checkpoint_every: 2, evaluation: { every: 0 } } };
  const paramsOf = (folder: string) =>
    Object.entries(readSafetensors(join(root, folder, 'state.safetensors')).tensors).filter(([name]) =>
      name.startsWith('params/'),
    );
  /** Keys' biases cancel in the softmax: their gradients are rounding alone, which AdamW blows up to full steps. */
  const counts = (name: string) => !name.endsWith('k_proj.bias');

  it('a process is killed, and another number of them goes on to what one alone ends with', {
    timeout: 300_000,
  }, async () => {
    const [alone, killed] = await Promise.all([
      trainTogether(1, 'pretrain', join(root, 'alone'), few),
      trainTogether(2, 'pretrain', join(root, 'killed'), { ...few, die: { rank: 1, step: 4 } }),
    ]);
    expect(alone).toEqual({ code: 0, text: '' });
    expect(killed.code).not.toBe(0);
    expect(await trainTogether(3, 'pretrain', join(root, 'killed'), few)).toEqual({ code: 0, text: '' });
    const again = Object.fromEntries(paramsOf('killed'));
    for (const [name, { data }] of paramsOf('alone').filter(([name]) => counts(name))) {
      for (const [i, x] of data.entries()) expect(Math.abs(again[name]!.data[i]! - x), name).toBeLessThan(1e-6);
    }
  });

  it('two processes distil as one does', { timeout: 120_000 }, async () => {
    const phases = { warmup: { steps: 0 }, prompt: { steps: 0 }, joint: { steps: 2, lr: 1e-3 } };
    const runs = await Promise.all(
      [1, 2].map((count) => trainTogether(count, 'distill', join(root, `distill-${count}`), { recipe: { phases } })),
    );
    expect(runs).toEqual([1, 2].map(() => ({ code: 0, text: '' })));
    const together = Object.fromEntries(paramsOf('distill-2/phase-joint'));
    for (const [name, { data }] of paramsOf('distill-1/phase-joint').filter(([name]) => counts(name))) {
      for (const [i, x] of data.entries()) expect(Math.abs(together[name]!.data[i]! - x), name).toBeLessThan(1e-6);
    }
  });

  // Every loss that several teachers have a part in, the drop that looks at images one by one, and sums within a process.
  it.runIf(long)(
    'three teachers and tensor parallelism: two processes of two ranks train as one process of one',
    {
      timeout: 120_000,
    },
    async () => {
      const phases = { warmup: { steps: 0 }, prompt: { steps: 0 }, joint: { steps: 2, lr: 1e-3 } };
      const recipe = { phases, fusion: { rule: 'validated', drop: 0.5 }, losses: { response: { both_ways: true } } };
      const runs = await Promise.all([
        trainTogether(1, 'distill', join(root, 'teachers-1'), { recipe, others: true }),
        trainTogether(2, 'distill', join(root, 'teachers-2'), { recipe, others: true, ranks: 2 }),
      ]);
      expect(runs).toEqual([1, 2].map(() => ({ code: 0, text: '' })));
      const together = Object.fromEntries(paramsOf('teachers-2/phase-joint'));
      for (const [name, { data }] of paramsOf('teachers-1/phase-joint').filter(([name]) => counts(name))) {
        for (const [i, x] of data.entries()) expect(Math.abs(together[name]!.data[i]! - x), name).toBeLessThan(1e-6);
      }
    },
  );

  // A gradient of prompts is summed in the order of the images, and classes and batches of 8 rows are read as one process reads them.
  it.runIf(long)('cvpr2024 by two processes ends with the bits of one', { timeout: 300_000 }, async () => {
    const recipe = {
      tuning: { shots: 2, batch: 8, epochs: 2, classes_per_step: 4 },
      distillation: { batch: 16, epochs: 3, targets: 'stored', views: 1 },
    };
    vi.stubEnv('PROMPTKD_GRAPH_OPTIMIZATION', 'all');
    const runs = await Promise.all(
      [1, 2].map((count) => trainTogether(count, 'cvpr2024', join(root, `cvpr2024-${count}`), { recipe })),
    );
    vi.unstubAllEnvs();
    expect(runs).toEqual([1, 2].map(() => ({ code: 0, text: '' })));
    for (const phase of ['tuning', 'distillation'])
      expect(paramsOf(`cvpr2024-2/${phase}`)).toEqual(paramsOf(`cvpr2024-1/${phase}`));
  });

  // Images with texts, the student before the task, Fisher information and images that were kept: each has its part in a method.
  it.runIf(long).each(['bank+ewc', 'lwf', 'replay'])(
    'continue with %s by three processes begins as one does, and the first alone adds to the bank',
    { timeout: 300_000 },
    async (method) => {
      const recipe = { method, steps: 2, checkpoint_every: 1 };
      const folders = [1, 3].map((count) => join(root, `${method}-${count}`));
      const runs = await Promise.all(
        folders.map((folder, i) => trainTogether(2 * i + 1, 'continue', folder, { recipe })),
      );
      expect(runs).toEqual(folders.map(() => ({ code: 0, text: '' })));
      const [alone, together] = folders.map((folder) => {
        expect(JSON.parse(readFileSync(join(folder, 'told.json'), 'utf8'))).toMatchObject({ finished: true, steps: 2 });
        expect(readdirSync(join(folder, 'bank', 'tasks')).sort()).toEqual(['cold', 'warm']);
        const lines = readFileSync(join(folder, 'cold', 'history.jsonl'), 'utf8')
          .trim()
          .split('\n');
        return lines.map((line) => JSON.parse(line));
      });
      for (const [i, { losses, gradient_norm: norm }] of together!.entries()) {
        expect(norm / alone![i].gradient_norm).toBeCloseTo(1, 4);
        for (const [name, loss] of Object.entries(losses)) expect(loss, name).toBeCloseTo(alone![i].losses[name], 3);
      }
    },
  );

  it.runIf(long)(
    'quantize by two processes tunes as one does, and the first alone writes',
    { timeout: 300_000 },
    async () => {
      const folders = [1, 2].map((count) => join(root, `quantize-${count}`));
      for (const folder of folders) mkdirSync(folder);
      const runs = await Promise.all(folders.map((folder, i) => trainTogether(i + 1, 'quantize', folder)));
      expect(runs).toEqual(folders.map(() => ({ code: 0, text: '' })));
      const [alone, first, second] = ['quantize-1/told', 'quantize-2/told', 'quantize-2/told-1'].map(
        (file) => JSON.parse(readFileSync(join(root, `${file}.json`), 'utf8')).tuned,
      );
      expect(second).toEqual(first);
      expect(first.after).toBeLessThan(0.9 * first.before);
      expect(first.after / alone.after).toBeCloseTo(1, 4);
      expect(existsSync(join(root, 'quantize-2', 'small', 'quantized.safetensors'))).toBe(true);
    },
  );

  it('a disk that is full ends all, naming the file', { timeout: 120_000 }, async () => {
    const { code, text } = await trainTogether(2, 'pretrain', join(root, 'full'), { ...few, fileBlocks: 8 });
    expect(code).not.toBe(0);
    expect(text).toMatch(/full\/\S+: cannot be written: larger than the file system, or ulimit -f, allows/);
  });

  // mpirun does the same at SIGINT as at SIGTERM: it waits so many seconds, hands SIGTERM on, waits again and kills.
  it.each(long ? ['SIGTERM', 'SIGUSR1', 'SIGUSR2'] : ['SIGTERM'])(
    '%s to the launcher: all finish the step, the first saves, all leave',
    {
      timeout: 300_000,
    },
    async (name) => {
      const folder = join(root, name);
      const recipe = { ...few.recipe, steps: 5000, checkpoint_every: 5000 };
      const { text } = await trainTogether(2, 'pretrain', folder, { recipe, signal: { name, step: 3 }, patience: 4 });
      const told = ['told.json', 'told-1.json'].map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')));
      expect(told[1], text).toEqual(told[0]);
      expect(told[0].finished).toBe(false);
      const { metadata } = readSafetensors(join(folder, 'state.safetensors'));
      expect(Number(metadata.step)).toBe(told[0].steps);
    },
  );

  // Either field goes one way through the check above: the recipe stands for both.
  it.each([
    ['recipes', { ...few, ownRecipe: { 1: { seed: 9 } } }, /rank 1: recipe\.seed is 9, rank 0 has 1/],
    ...(long
      ? [
          [
            'data',
            { ...few, data: { 1: 'other' } },
            /rank 1: data\.fingerprint is "other", rank 0 has "colours"/,
          ] as const,
        ]
      : []),
  ] as const)('refuses different %s, naming rank and field', { timeout: 120_000 }, async (what, options, message) => {
    const { code, text } = await trainTogether(2, 'pretrain', join(root, what), options);
    expect(code).not.toBe(0);
    expect(text).toMatch(message);
  });
});
