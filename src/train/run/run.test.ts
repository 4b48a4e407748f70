import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import { self } from '../../files/temporary.js';
import type { StepEvent } from '../loop.js';
import { History } from './history.js';
import { inRun, type Run } from './run.js';
import { lockRun } from './run-lock.js';
import { readRunRecord, writeRunRecord } from './run-record.js';

let runDir = '';
beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), 'promptkd-run-'));
});
afterEach(() => rmSync(runDir, { recursive: true }));

const entry = (step: number, total = step) => ({
  ...{
    step,
    phase: 'joint',
    losses: { total },
    learning_rate: 1e-3,
    gradient_norm: 1,
    images_per_second: 10,
    seconds: step,
  },
});
const event = (step: number): StepEvent => ({
  ...{ step, steps: 4, losses: { total: 1 / step }, learningRate: 0.1, gradientNorm: step === 2 ? Infinity : 1 },
  ...{ imagesPerSecond: 9.96, seconds: step, secondsLeft: 4 - step, skipped: false, averaged: async () => ({}) },
});
const identity = { command: 'distill', data: { name: 'colours', fingerprint: 'colours-1' } };
const options = (more: object = {}) => ({ recipe: { batch: 6, lr: undefined }, runDir, ...more });
const result = (finished: boolean, steps: number) => ({
  ...{ folder: join(runDir, 'student'), finished, steps, seconds: steps, imagesSeen: 6 * steps },
});
const place = { phase: 'joint', firstStep: 0, overallSteps: 4 };

/** Steps `from` to `to` of a run. */
const steps = (from: number, to: number) => async (run: Run) => {
  for (let step = from; step <= to; step++) await run.step(place, event(step));
  return { result: result(to === 4, to), figures: { top1: 0.5 } };
};

describe('history', () => {
  it('goes on behind a line that a crash cut off, says so, and replaces steps that are trained again', async () => {
    const path = join(runDir, 'history.jsonl');
    const first = new History(path);
    for (const step of [1, 2, 3]) await first.add(entry(step));
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -9));
    const said: string[] = [];
    const second = new History(path, (message) => said.push(message));
    expect(second.entries.map(({ step }) => step)).toEqual([1, 2]);
    expect(said).toEqual([`${path}: the last line was cut off and is dropped`]);
    await second.add(entry(2, 7));
    await second.add(entry(3));
    expect(new History(path, (message) => said.push(message)).entries).toEqual([entry(1), entry(2, 7), entry(3)]);
    expect(said).toHaveLength(1);
  });

  it('drops a damaged line alone, and says which', () => {
    const path = join(runDir, 'history.jsonl');
    const lines = [entry(1), { ...entry(2), phase: 3 }, entry(3)].map((one) => `${JSON.stringify(one)}\n`);
    writeFileSync(path, lines.join(''));
    const said: string[] = [];
    expect(new History(path, (message) => said.push(message)).entries.map(({ step }) => step)).toEqual([1, 3]);
    expect(said).toEqual([`${path}: no step of a run in line 2, dropped`]);
  });
});

describe('a run', () => {
  it('keeps one record and one history over its sittings', async () => {
    const events: (number | undefined)[] = [];
    const onProgress = ({ overall }: { overall?: number }) => void events.push(overall);
    await inRun(identity, options({ onProgress }), steps(1, 2));
    const stopped = (await readRunRecord(runDir))!;
    expect(stopped).toMatchObject({ state: 'stopped', steps: 2, images_seen: 12, recipe: { batch: 6 } });
    const done = await inRun(identity, options({ onProgress }), steps(3, 4));
    expect(done).toEqual(result(true, 4));
    const record = (await readRunRecord(runDir))!;
    expect(record).toMatchObject({
      id: stopped.id,
      started: stopped.started,
      state: 'finished',
      figures: { top1: 0.5 },
    });
    expect(events).toEqual([1, 2, 3, 4]);
    const { entries } = new History(join(runDir, 'history.jsonl'));
    expect(entries.map(({ gradient_norm }) => gradient_norm)).toEqual([1, null, 1, 1]);
    expect(readFileSync(join(runDir, 'recipe.yaml'), 'utf8')).toMatch(/^batch: 6\n/);
  });

  it('disposes of what it holds and gives the folder back, also where it fails; the record says why', async () => {
    const disposed: string[] = [];
    const failing = inRun(identity, options(), async (run) => {
      run.own({ dispose: async () => disposed.push('task') });
      throw new UserError('batch: too large');
    });
    await expect(failing).rejects.toThrow('batch: too large');
    expect(disposed).toEqual(['task']);
    expect(await readRunRecord(runDir)).toMatchObject({ state: 'failed', error: 'batch: too large' });
    expect(existsSync(join(runDir, 'run.lock'))).toBe(false);
  });

  it('leaves record and recipe of another run alone where its own recipe is refused', async () => {
    await inRun(identity, options(), steps(1, 4));
    const files = ['run.json', 'recipe.yaml'].map((name) => readFileSync(join(runDir, name), 'utf8'));
    const refused = inRun(identity, options({ recipe: { batch: 7 } }), async () => {
      throw new UserError('this run was started with another recipe');
    });
    await expect(refused).rejects.toThrow('another recipe');
    expect(['run.json', 'recipe.yaml'].map((name) => readFileSync(join(runDir, name), 'utf8'))).toEqual(files);
  });

  it('has its folder alone', async () => {
    const second = inRun(identity, options(), async () => ({
      result: await inRun(identity, options(), async () => ({ result: result(true, 0) })),
    }));
    await expect(second).rejects.toThrow(
      `${runDir}: a run is under way in this folder (process ${process.pid}); wait for it, stop it, or give another --out`,
    );
  });

  it('takes the folder of a process that is gone, whose run is stopped, not running', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await inRun(identity, options(), steps(1, 2));
    await writeRunRecord(runDir, { ...(await readRunRecord(runDir))!, state: 'running' });
    writeFileSync(join(runDir, 'run.lock'), JSON.stringify({ ...self, pid }));
    expect((await readRunRecord(runDir))!.state).toBe('stopped');
    await (await lockRun(runDir))();
    // Of a process on another machine that says that it lives.
    writeFileSync(join(runDir, 'run.lock'), JSON.stringify({ place: 'elsewhere', pid }));
    await expect(lockRun(runDir)).rejects.toThrow(/process \d+\)/);
  });
});
