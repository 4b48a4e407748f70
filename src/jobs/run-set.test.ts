import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createJobSet, writeRecord } from './job-set.js';
import { runJobSet } from './run-set.js';

const { PATH } = process.env;
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-run-set-'));
  process.env.PATH = `${folder}${delimiter}${PATH}`;
});
afterEach(async () => {
  process.env.PATH = PATH;
  await rm(folder, { recursive: true });
});

const slurm = { on: 'slurm', name: 'a', threads: 1, memory: 1, gpus: 0, image: 'a', claim: 'a' } as const;

/** A scheduler that keeps the batch file and ends the jobs a little later, as their machines would. */
async function standIn(set: string, jobs: number): Promise<void> {
  const file = join(folder, 'sbatch');
  const record = `{"job": $i, "args": ["embed"], "state": "done", "attempts": []}`;
  await writeFile(
    file,
    `#!/bin/bash\ncat >> ${folder}/given\n(sleep 0.2; for i in $(seq ${jobs}); do cat > ${set}/records/0000$i.json <<END\n${record}\nEND\ndone) >/dev/null 2>&1 &\n`,
  );
  await chmod(file, 0o755);
}

it('hands the open jobs of a set to Slurm once, failed ones too, and waits for their records', async () => {
  const set = await createJobSet(join(folder, 'set'), [['embed'], ['embed', 'b']], 0);
  await writeRecord(set.folder, { job: 2, args: ['embed', 'b'], state: 'failed', attempts: [] });
  await standIn(set.folder, 2);
  expect(await runJobSet(set, slurm)).toEqual({ total: 2, done: 2, failed: 0 });
  expect((await readFile(join(folder, 'given'), 'utf8')).match(/--array=1-2%2/g)).toHaveLength(1);
  // All are done: nobody is asked.
  await rm(join(folder, 'sbatch'));
  expect(await runJobSet(set, slurm)).toEqual({ total: 2, done: 2, failed: 0 });
});
