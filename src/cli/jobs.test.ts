import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readJobSet, readRecord } from '../jobs/index.js';
import { saveModel } from '../model/index.js';
import { teacher } from '../test/colours.fixture.js';
import { imageFile, put } from '../test/images.fixture.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-jobs-command-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('embeds by jobs; a job’s process ends with a killed supervisor, and the next run goes on', async () => {
  const [model, jobs, out] = ['model', 'jobs', 'embedded'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await saveModel(model, teacher);
  for (let i = 0; i < 4; i++) await put(folder, `photos/${i}.png`, await imageFile(`#0${i}0`));
  const call = ['embed', model, '--data', `folder:${join(folder, 'photos')}`, '--out', out, '--shard', '{shard}'];
  const args = [main, 'jobs', 'run', '--folder', jobs, '--shards', '2', '--workers', '2', '--json', '--', ...call];
  const supervisor = spawn(process.execPath, args, { stdio: 'ignore' });
  const pidOf = async (job: number) => (await readRecord(jobs, job).catch(() => undefined))?.attempts.at(-1)?.pid;
  let pids: (number | undefined)[] = [];
  while (pids.length < 2 || pids.includes(undefined)) {
    await wait(20);
    pids = await Promise.all([1, 2].map(pidOf));
  }
  supervisor.kill('SIGKILL');
  while (pids.some((pid) => runs(pid!))) await wait(20);
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ total: 2, done: 2, failed: 0 });
  expect((await readdir(join(out, 'metadata'))).sort()).toEqual([1, 2].map((n) => `metadata_000${n}_000000.parquet`));
  expect(await readJobSet(jobs)).toMatchObject({ jobs: [call.with(-1, '1/2'), call.with(-1, '2/2')] });
  const shown = spawnSync(process.execPath, [main, 'jobs', 'status', jobs, '--show', 'embedded'], { encoding: 'utf8' });
  expect(shown.stdout, shown.stderr).toMatch(/1 +done +2× +\S+ s +2 +1\/2\n2 +done +2× +\S+ s +2 +2\/2\n +mean +2\n/);
});

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
