import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runOnBullmq } from './bullmq.js';
import { expandCalls } from './expand.js';
import { createJobSet, writeRecord } from './job-set.js';

const at = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const command = [process.execPath, at('job.fixture.mjs')];

/** Why these tests cannot run here. */
function missing(): string | undefined {
  if (!existsSync(at('../../dist/jobs/index.js'))) return 'not built: npm run build';
  if (!existsSync(at('../../node_modules/bullmq'))) return 'the optional package bullmq is not installed';
  try {
    execFileSync('redis-server', ['--version']);
    return undefined;
  } catch {
    return 'redis-server is not installed';
  }
}
const why = missing();

describe.skipIf(why)(`jobs on BullMQ${why ? ` (${why})` : ''}`, () => {
  let folder = '';
  let port = 0;
  let redis: ChildProcess | undefined;
  const workers: ChildProcess[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'promptkd-bullmq-'));
    port = await freePort();
    await startRedis();
  });
  afterEach(async () => {
    for (const one of [...workers.splice(0), redis]) one?.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });

  /** Without a disk: when it ends it has forgotten everything. */
  async function startRedis() {
    const given = ['--port', String(port), '--save', '', '--appendonly', 'no', '--dir', folder];
    redis = spawn('redis-server', given, { stdio: 'ignore' });
    while (!(await answers(port))) await wait(20);
  }
  const address = () => `redis://127.0.0.1:${port}`;
  const setOf = (shards: number, ms: number) =>
    createJobSet(join(folder, 'set'), expandCalls([folder, '{shard}', String(ms)], [], shards), 3);
  const completed = async () =>
    (await readFile(join(folder, 'completed'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

  it('ends every job once, though a worker is killed in each third of them', async () => {
    const set = await setOf(12, 50);
    const open = () => {
      const worker = spawn(process.execPath, [at('bullmq-worker.fixture.mjs'), set.folder, address(), ...command]);
      workers.push(worker);
      return worker;
    };
    const others = [open(), open()];
    const all = runOnBullmq(set, { redis: address(), workers: 0 });
    for (const third of [2, 6, 10]) {
      while ((await completed()).length < third) await wait(10);
      others.shift()!.kill('SIGKILL');
      others.push(open());
    }
    expect(await all).toEqual({ total: 12, done: 12, failed: 0 });
    expect((await completed()).map(Number).sort((a, b) => a - b)).toEqual(upTo(12));
  });

  it('tries again what failed, also where nothing else is left', async () => {
    const set = await setOf(2, 0);
    const failed = (job: number) => ({ job, args: set.jobs[job - 1]!, state: 'failed' as const, attempts: [] });
    for (const job of [1, 2]) await writeRecord(set.folder, failed(job));
    const all = runOnBullmq(set, { redis: address(), workers: 1, command });
    expect(await all).toEqual({ total: 2, done: 2, failed: 0 });
  });

  it('goes on when a Redis that was gone, and has forgotten everything, is back', async () => {
    const set = await setOf(5, 150);
    const said: string[] = [];
    const all = runOnBullmq(set, {
      ...{ redis: address(), workers: 1, command, lockMs: 1000, onTrouble: (message) => said.push(message) },
    });
    while ((await completed()).length < 2) await wait(10);
    redis!.kill('SIGKILL');
    await wait(500);
    await startRedis();
    expect(await all).toEqual({ total: 5, done: 5, failed: 0 });
    expect((await completed()).map(Number).sort((a, b) => a - b)).toEqual(upTo(5));
    expect(said.join('\n')).toContain('the jobs go on when it is back');
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => socket.destroy());
    socket.once('error', () => resolve(false));
    socket.once('close', (failed) => resolve(!failed));
  });
