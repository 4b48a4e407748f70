import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bankModel, forgetTask, mergeBanks, readBank, saveBank } from '../bank/index.js';
import { tokenizeAll } from '../clip/index.js';
import { initClip } from '../clip/towers/initialise.js';
import { datasetPixels } from '../loader/index.js';
import { compileOptions, dataset } from '../test/colours.fixture.js';
import { type ContinueOptions, continueBank } from './continue-bank.js';
import { config, student } from './one-block.fixture.js';
import { continueRecipe } from './recipe.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-continual-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const groups: Record<string, string[]> = { warm: ['red', 'green'], cold: ['blue', 'grey'] };
const recipe = (task: string, more: object = {}) =>
  continueRecipe.parse({
    ...{ task, data: { classes: groups[task] }, batch: 4, steps: 6, lr: 0.01, warmup_steps: 0, checkpoint_every: 2 },
    ...{
      prompts: { n_ctx: 2, depth: 2 },
      routing: { centroids: 2, reject: 0 },
      ewc: { samples: 4 },
      templates: ['{}'],
    },
    ...{ augment: { preset: 'crop', scale: 0.9 } },
    ...more,
  });
const learn = (bank: string, task: string, more: object = {}, options: Partial<ContinueOptions> = {}) =>
  continueBank({
    ...{ student, dataset, recipe: recipe(task, more), engine: compileOptions },
    ...{ bank: join(root, bank), runDir: join(root, bank, 'runs', task) },
    ...options,
  });

/** Every file of a task's folder, by checksum. */
const filesOf = (bank: string, task: string) =>
  Object.fromEntries(
    readdirSync(join(root, bank, 'tasks', task)).map((file) => [
      file,
      createHash('sha256')
        .update(readFileSync(join(root, bank, 'tasks', task, file)))
        .digest('hex'),
    ]),
  );
const names = ['red', 'green', 'blue', 'grey'];
const answersOf = async (bank: string, count = dataset.splits.train!.length) => {
  const read = await readBank(join(root, bank));
  const { encoders } = await bankModel(read, compileOptions);
  const { pixels } = await datasetPixels(dataset, dataset.splits.train!.slice(0, count), student.preprocess);
  const images = await encoders!.images(pixels);
  const texts = await encoders!.texts(tokenizeAll(student.tokenizer, names, 8));
  await encoders!.dispose();
  const width = images.shape[1]!;
  return Array.from({ length: count }, (_, row) => {
    const own = images.data.subarray(row * width, (row + 1) * width);
    const task = Math.floor(own.findIndex((value) => value !== 0) / 12);
    // Only the block of the image's task is not 0.
    const logits = names.map((_, c) => {
      const text = texts.data.subarray(c * width + 12 * task, c * width + 12 * (task + 1));
      return own.subarray(12 * task, 12 * (task + 1)).reduce((sum, value, k) => sum + value * text[k]!, 0);
    });
    return { task, logits };
  });
};

describe('a bank of prompts', () => {
  it('keeps a task to the bit while others are learned: nothing is forgotten, bit for bit, where images are routed alike', async () => {
    await learn('two', 'warm');
    const [files, before] = [filesOf('two', 'warm'), await answersOf('two')];
    await learn('two', 'cold');
    expect(filesOf('two', 'warm')).toEqual(files);
    const after = await answersOf('two');
    const kept = after.filter(({ task }, i) => task === 0 && before[i]!.task === 0);
    expect(kept.length).toBeGreaterThan(0);
    for (const [i, { task, logits }] of after.entries()) {
      if (task === 0 && before[i]!.task === 0) expect(logits).toEqual(before[i]!.logits);
    }
    expect(new Set(after.map(({ task }) => task)).size).toBeGreaterThan(1);
    // No image's answer depends on those beside it.
    const alone = await answersOf('two', 1);
    expect(alone[0]!.task).toBe(after[0]!.task);
    for (const [c, value] of alone[0]!.logits.entries()) expect(value).toBeCloseTo(after[0]!.logits[c]!, 4);
  });

  it('forgets a task and leaves the others bit for bit; banks made apart are merged', async () => {
    const before = filesOf('two', 'cold');
    const bank = await readBank(join(root, 'two'));
    await saveBank(join(root, 'two'), forgetTask(bank, 'warm').bank);
    expect(readdirSync(join(root, 'two', 'tasks'))).toEqual(['cold']);
    expect(filesOf('two', 'cold')).toEqual(before);
    await learn('other', 'warm');
    const merged = mergeBanks(await readBank(join(root, 'other')), await readBank(join(root, 'two')));
    await saveBank(join(root, 'merged'), merged);
    expect((await readBank(join(root, 'merged'))).tasks.map(({ name }) => name)).toEqual(['warm', 'cold']);
    expect(filesOf('merged', 'cold')).toEqual(before);
    expect(() => mergeBanks(merged, merged)).toThrow(/merge: both banks have a task "warm"/);
    const stranger = { ...merged, tasks: [], frozen: { ...student, params: initClip(config, 99) } };
    expect(() => mergeBanks(merged, stranger)).toThrow(/merge: expected banks of one student, got two/);
    expect(() => forgetTask(merged, 'hot')).toThrow(/the bank has no "hot"; it has warm, cold/);
  });

  it('that was stopped goes on to the same bits, and what a kill left half written is not looked at', async () => {
    const stop = new AbortController();
    const onProgress = ({ step, phase }: { step: number; phase: string }) =>
      void (phase === 'continue' && step === 3 && stop.abort());
    const stopped = await learn('stopped', 'warm', {}, { signal: stop.signal, onProgress });
    expect(stopped.finished).toBe(false);
    expect(existsSync(join(root, 'stopped', 'bank.json'))).toBe(false);
    await learn('stopped', 'warm');
    await learn('whole', 'warm');
    const tensors = (bank: string) => filesOf(bank, 'warm')['task.safetensors'];
    expect(tensors('stopped')).toBe(tensors('whole'));

    mkdirSync(join(root, 'stopped', 'tasks', 'cold'));
    writeFileSync(join(root, 'stopped', 'tasks', 'cold', 'task.json'), '{"name": "co');
    expect((await readBank(join(root, 'stopped'))).tasks.map(({ name }) => name)).toEqual(['warm']);
    await learn('stopped', 'cold');
    await learn('whole', 'cold');
    expect(filesOf('stopped', 'cold')['task.safetensors']).toBe(filesOf('whole', 'cold')['task.safetensors']);

    const file = join(root, 'whole', 'tasks', 'cold', 'task.safetensors');
    writeFileSync(file, readFileSync(file).subarray(0, 500));
    await expect(readBank(join(root, 'whole'))).rejects.toThrow(
      /task.safetensors: expected the file that the bank was saved/,
    );
    rmSync(join(root, 'whole', 'bank.json'));
    await expect(readBank(join(root, 'whole'))).rejects.toThrow(
      /expected a prompt memory bank, a folder with bank.json/,
    );
  });

  it('of a mixture answers otherwise for every image, and cannot forget', async () => {
    const mixture = { routing: { mode: 'mixture', components: 2, centroids: 1 } };
    await learn('mixture', 'warm', mixture);
    const one = await answersOf('mixture');
    await learn('mixture', 'cold', mixture);
    expect(await answersOf('mixture')).not.toEqual(one);
    const bank = await readBank(join(root, 'mixture'));
    expect(bank.tasks[1]!.prompts['vision.0']!.shape).toEqual([2, 2, 24]);
    expect(() => forgetTask(bank, 'warm')).toThrow(/the prompts of all tasks are mixed in this bank/);
  });
});

describe('shared weights', () => {
  let count = 0;
  const moved = async (method: string, more: object = {}) => {
    const name = `${method}-${count++}`;
    const found: Record<string, number>[] = [];
    const onProgress = ({ losses }: { losses?: Readonly<Record<string, number>> }) =>
      void (losses && found.push({ ...losses }));
    await learn(name, 'warm', { method, ...more });
    const { shared: first, anchor } = await readBank(join(root, name));
    const result = await learn(name, 'cold', { method, ...more }, { onProgress });
    const { shared, ...bank } = await readBank(join(root, name));
    const moves = (key: string, i: number) => shared[key]!.data[i]! - first[key]!.data[i]!;
    return { moves, anchor, losses: found, bank, result };
  };

  it('move less where it matters under consolidation; the penalty is reported and starts at 0', async () => {
    const free = await moved('finetune');
    const held = await moved('ewc', { ewc: { lambda: 1e6, samples: 4 } });
    // Both started alike: what counts is how far they went where the first task's Fisher information is large.
    const distance = ({ moves }: typeof free) =>
      Object.entries(held.anchor!.fisher).reduce(
        (sum, [key, { data }]) => sum + [...data].reduce((part, value, i) => part + value * moves(key, i) ** 2, 0),
        0,
      );
    expect(distance(held)).toBeLessThan(0.7 * distance(free));
    expect(held.losses[0]!.ewc).toBe(0);
    expect(held.losses.at(-1)!.ewc).toBeGreaterThan(0);
    expect(held.bank.anchor).toBeDefined();
    expect(held.bank.tasks.every(({ anchor }) => anchor === undefined)).toBe(true);
  });

  it('λ is found at the second task and kept; anchors may be one a task', async () => {
    const { bank, result } = await moved('ewc', { ewc: { anchors: 'separate', fisher: 'exact', samples: 3 } });
    expect(bank.lambda).toBeGreaterThan(0);
    expect(result).toMatchObject({ finished: true, lambda: bank.lambda });
    expect(bank.anchor).toBeUndefined();
    expect(bank.tasks.map(({ anchor }) => Object.keys(anchor!.fisher).length > 0)).toEqual([true, true]);
  });

  it('learn with replay of kept images, and with distillation from the student before', async () => {
    const replay = await moved('replay', { replay: { per_class: 1, batch: 2 } });
    expect(replay.bank.tasks[0]!.replay).toMatchObject({ side: 16, labels: [0, 1] });
    const lwf = await moved('lwf');
    expect(lwf.losses[0]!.lwf).toBeCloseTo(0, 5);
    expect(lwf.losses.at(-1)!.lwf).toBeGreaterThan(1e-6);
  });

  it('and prompts of each task’s own, with a teacher in place of labels', async () => {
    const blind = {
      ...dataset,
      splits: { train: dataset.splits.train!.map(({ id, label }) => ({ id, label, captions: [] })) },
    };
    const seen: string[] = [];
    const onProgress = ({ losses }: { losses?: object }) => void (losses && seen.push(Object.keys(losses).join()));
    const teacher = { ...student, params: initClip(config, 11) };
    await learn('both', 'warm', { method: 'bank+ewc' }, { teacher, dataset: blind, onProgress });
    expect(new Set(seen)).toEqual(new Set(['total,teacher']));
    await learn('both', 'cold', { method: 'bank+ewc' }, { teacher });
    const bank = await readBank(join(root, 'both'));
    expect(Object.keys(bank.tasks[1]!.prompts)).toEqual(expect.arrayContaining(['vision.0', 'text.0']));
    expect(Object.keys(bank.shared)).not.toContain('logit_scale');
  });
});

it('refuses what does not fit', async () => {
  await learn('refusing', 'warm');
  await expect(learn('refusing', 'warm')).rejects.toThrow(/the bank has a task "warm" already/);
  const other = { ...student, params: initClip(config, 99) };
  await expect(learn('refusing', 'cold', {}, { student: other })).rejects.toThrow(/the bank is of another student/);
  await expect(learn('refusing', 'cold', { method: 'ewc' })).rejects.toThrow(
    /method: the bank was begun with bank, got ewc/,
  );
  await expect(learn('none', 'cold', {}, { student: undefined })).rejects.toThrow(/no bank there: give the --student/);
  await expect(learn('none', 'cold', { prompts: { n_ctx: 30 } })).rejects.toThrow(/prompts.n_ctx: 30 prompts leave no/);
  await expect(learn('none', 'cold', { batch: 9 })).rejects.toThrow(/batch: 9 is more than the 6 images/);
  const lambda = (value: unknown) => continueRecipe.safeParse({ ewc: { lambda: value } });
  expect(lambda('auto').success && lambda(0).success).toBe(true);
  for (const bad of [Number.NaN, -1, Number.POSITIVE_INFINITY, 'much']) {
    expect(lambda(bad).error!.issues[0]).toMatchObject({ message: 'expected auto or a number of at least 0' });
  }
  const { frozen } = await readBank(join(root, 'refusing'));
  const { saveModel } = await import('../model/index.js');
  await saveModel(join(root, 'refusing', 'frozen'), { ...frozen, params: initClip(config, 99) });
  await expect(readBank(join(root, 'refusing'))).rejects.toThrow(/expected the student that the bank was made with/);
});
