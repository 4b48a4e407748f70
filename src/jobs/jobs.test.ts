import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { expandCalls, parseAxes } from './expand.js';
import { createJobSet, readRecord } from './job-set.js';
import { runLocal } from './local.js';
import { runJob } from './run-job.js';
import { parseShard, shardOf } from './shard.js';

const command = [process.execPath, fileURLToPath(new URL('job.fixture.mjs', import.meta.url))];
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-jobs-'));
});
afterEach(() => rm(folder, { recursive: true }));

const setOf = (shards: number, ms = 0, retries = 3) =>
  createJobSet(join(folder, 'set'), expandCalls([folder, '{shard}', String(ms)], [], shards), retries);
const options = { command, backoffMs: 10 };
const completed = async () =>
  existsSync(join(folder, 'completed'))
    ? (await readFile(join(folder, 'completed'), 'utf8'))
        .trim()
        .split('\n')
        .map(Number)
        .sort((a, b) => a - b)
    : [];
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

it('ends every job once, though a process is killed in each third of them', async () => {
  const set = await setOf(20, 50);
  let over = false;
  const kill = async () => {
    const killed: number[] = [];
    for (const third of [1, 8, 15]) {
      for (let pid: number | undefined; !over && pid === undefined; await wait(5)) {
        for (let job = third; job < third + 6 && pid === undefined; job++) {
          const record = await readRecord(set.folder, job);
          const last = record?.attempts.at(-1);
          if (record?.state !== 'running' || last?.seconds !== undefined) continue;
          pid = last?.pid;
          if (pid !== undefined) process.kill(pid, 'SIGKILL');
          killed.push(job);
        }
      }
    }
    return killed;
  };
  const [counts, killed] = await Promise.all([
    runLocal(set, { ...options, workers: 2 }).finally(() => {
      over = true;
    }),
    kill(),
  ]);
  expect(counts).toEqual({ total: 20, done: 20, failed: 0 });
  expect(await completed()).toEqual(upTo(20));
  expect(killed).toHaveLength(3);
  for (const job of killed) {
    const { attempts } = (await readRecord(set.folder, job))!;
    expect(attempts.map(({ signal, code }) => signal ?? code)).toEqual(['SIGKILL', 0]);
  }
  expect(await readRecord(set.folder, 7)).toMatchObject({ state: 'done', result: { number: 7 } });
});

it('shares one set between pools: each job is one pool’s, and what is done is not done again', async () => {
  const set = await setOf(8, 30);
  const all = await Promise.all([1, 2].map(() => runLocal(set, { ...options, workers: 2 })));
  expect(all).toEqual(all.map(() => ({ total: 8, done: 8, failed: 0 })));
  expect(await completed()).toEqual(upTo(8));
  expect(await runJob(set, 3, options)).toBe('already');
});

it('does not try bad input again in one run, waits for what is busy, and says so in the record', async () => {
  const set = await setOf(3, 0, 0);
  await writeFile(join(folder, 'bad-1'), '');
  await writeFile(join(folder, 'busy-2'), '');
  expect(await runLocal(set, options)).toEqual({ total: 3, done: 2, failed: 1 });
  expect(await readRecord(set.folder, 1)).toMatchObject({
    state: 'failed',
    attempts: [{ code: 2, message: 'promptkd: 1 is bad input' }],
  });
  expect((await readRecord(set.folder, 2))!.attempts.map(({ code }) => code)).toEqual([75, 0]);
  await rm(join(folder, 'bad-1'));
  expect(await runLocal(set, options)).toEqual({ total: 3, done: 3, failed: 0 });
});

it('refuses a second process on one job, and stops when told to', async () => {
  const set = await setOf(1, 20_000);
  const stop = new AbortController();
  const first = runJob(set, 1, { ...options, signal: stop.signal });
  while (!existsSync(join(folder, 'running-1'))) await wait(10);
  expect(await runJob(set, 1, options)).toBe('busy');
  stop.abort();
  expect(await first).toBe('stopped');
  expect(await readRecord(set.folder, 1)).toMatchObject({ state: 'running', attempts: [{ signal: 'SIGTERM' }] });
});

it('says what is wrong with calls, shards and folders', async () => {
  expect(expandCalls(['a', '{x}', '{y}'], parseAxes(['x=1', 'y=p', 'x=2']))).toEqual([
    ['a', '1', 'p'],
    ['a', '2', 'p'],
  ]);
  expect(() => expandCalls(['embed'], [], 20)).toThrow('--shards: expected {shard} in the call');
  expect(() => expandCalls(['{data}'], [])).toThrow('{data}: expected its values: --each data=VALUE');
  expect(() => parseAxes(['shard=1'])).toThrow('--each shard=1: expected name=value');
  for (const text of ['0/3', '4/3', '1', '1/0', 'x']) expect(() => parseShard(text)).toThrow('as 3/20; got');
  expect([1, 2, 3].map((number) => shardOf(upTo(7), { number, of: 3 }))).toEqual([
    [1, 4, 7],
    [2, 5],
    [3, 6],
  ]);
  const set = await setOf(2);
  await expect(setOf(3)).rejects.toThrow(`holds other jobs (job 1 is promptkd ${folder} 1/2 0, not`);
  await expect(runJob(set, 3, options)).rejects.toThrow('expected a job from 1 to 2, got 3');
  await expect(setOf(2)).resolves.toMatchObject({ id: set.id });
});
