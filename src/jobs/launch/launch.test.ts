import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createJobSet } from '../job-set.js';
import { type Launcher, type LaunchWish, launchPlan, launchText, startLaunch } from './launch.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-launch-'));
  await createJobSet(
    join(folder, 'set'),
    Array.from({ length: 20 }, (_, i) => ['embed', String(i)]),
    2,
  );
});
afterEach(() => rm(folder, { recursive: true }));

const call = ['distill', '--teacher', "my 'own' clip", '--data', 'folder:photos', '--out', 'runs/$mine'];
const wish = (on: Launcher, more: Partial<LaunchWish> = {}): LaunchWish => ({
  ...{
    on,
    name: 'promptkd',
    processes: 8,
    nodes: 2,
    threads: 4,
    memory: 8,
    gpus: 0,
    image: 'promptkd',
    claim: 'shared',
  },
  ...more,
});
const text = async (on: Launcher, more: Partial<LaunchWish> = {}) =>
  launchText(on, await launchPlan(wish(on, more), more.jobs ? [] : call));
/** What a shell makes of a line: its words. */
const words = (line: string) =>
  execFileSync('bash', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);

it('mpirun: words come through the shell as they were, unbound, with their threads', async () => {
  expect(words(await text('mpirun'))).toEqual([
    'mpirun',
    '-n',
    '8',
    '--bind-to',
    'none',
    'npx',
    'promptkd',
    ...call,
    '--threads',
    '4',
  ]);
});

it('slurm: a batch file that bash parses, with the directives of a training or of an array', async () => {
  const directives = (script: string) => {
    expect(spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    // Slurm reads them up to the first line that is a command.
    const head = script.slice(0, script.indexOf('\nset '));
    return Object.fromEntries(
      [...head.matchAll(/^#SBATCH --([\w-]+)(?:=(\S+))?$/gm)].map(([, key, value]) => [key, value]),
    );
  };
  const training = await text('slurm', { time: '4:00:00', partition: 'long', gpus: 1 });
  expect(directives(training)).toMatchObject({
    ...{ nodes: '2', ntasks: '8', 'cpus-per-task': '4', 'mem-per-cpu': '2048M', 'gpus-per-task': '1' },
    ...{ time: '4:00:00', partition: 'long', signal: 'TERM@120', requeue: undefined },
  });
  expect(words(training.trim().split('\n').at(-1)!)).toEqual([
    'exec',
    'srun',
    '--mpi=pmix',
    '--cpu-bind=none',
    'npx',
    'promptkd',
    ...call,
    '--threads',
    '4',
  ]);
  const array = await text('slurm', { jobs: join(folder, 'set'), atOnce: 5 });
  expect(directives(array)).toMatchObject({ array: '1-20%5', ntasks: '1', nodes: '1' });
  expect(array).toContain(`exec srun npx promptkd jobs work ${join(folder, 'set')} --job "$SLURM_ARRAY_TASK_ID"\n`);
});

it('kubernetes: an Indexed Job, whose first index is job 1, and an MPIJob', async () => {
  const job = parse(await text('kubernetes', { jobs: join(folder, 'set'), atOnce: 5 }));
  expect(job).toMatchObject({
    ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'promptkd' } },
    spec: {
      ...{ completions: 20, parallelism: 5, completionMode: 'Indexed', backoffLimitPerIndex: 2 },
      template: { spec: { restartPolicy: 'Never', volumes: [{ persistentVolumeClaim: { claimName: 'shared' } }] } },
    },
  });
  const [container] = job.spec.template.spec.containers;
  expect(container.resources.limits).toEqual({ cpu: 4, memory: '8Gi' });
  const [sh, c, script] = container.command;
  const run = spawnSync(sh, [c, script.replace('exec promptkd', 'echo')], {
    env: { ...process.env, JOB_COMPLETION_INDEX: '0' },
  });
  expect(run.stdout.toString()).toBe(`jobs work ${join(folder, 'set')} --job 1\n`);
  const mpi = parse(await text('kubernetes', { gpus: 1 }));
  expect(mpi).toMatchObject({
    ...{ apiVersion: 'kubeflow.org/v2beta1', kind: 'MPIJob' },
    spec: { slotsPerWorker: 4, mpiReplicaSpecs: { Launcher: { replicas: 1 }, Worker: { replicas: 2 } } },
  });
  const { Launcher, Worker } = mpi.spec.mpiReplicaSpecs;
  expect(Launcher.template.spec.containers[0].command).toEqual([
    'mpirun',
    '-n',
    '8',
    '--bind-to',
    'none',
    '--allow-run-as-root',
    'promptkd',
    ...call,
    '--threads',
    '4',
  ]);
  expect(Worker.template.spec.containers[0].resources.limits).toEqual({ cpu: 16, memory: '32Gi', 'nvidia.com/gpu': 4 });
});

it('says what does not fit, and which program is missing', async () => {
  const fault = (more: Partial<LaunchWish>, args = call) => expect(launchPlan(wish('slurm', more), args)).rejects;
  await fault({}, []).toThrow('expected a call behind --, or --jobs FOLDER');
  await fault({ nodes: 3 }).toThrow('--nodes 3: expected a divisor of the 8 processes');
  await fault({ time: 'long\n#SBATCH --x' }).toThrow('--time: expected hours');
  await fault({ name: 'a b' }).toThrow('--name: expected small letters');
  await fault({ on: 'mpirun', jobs: folder }, []).toThrow('--jobs: mpirun starts one training');
  const { PATH } = process.env;
  process.env.PATH = folder;
  try {
    await expect(startLaunch('slurm', await launchPlan(wish('slurm'), call))).rejects.toThrow('sbatch: not found');
  } finally {
    process.env.PATH = PATH;
  }
});

it('has a container file with what the manifests start', async () => {
  const file = await readFile(new URL('../../../deploy/Dockerfile', import.meta.url), 'utf8');
  for (const program of ['openmpi-bin', 'openssh-server', '/usr/local/bin/promptkd']) expect(file).toContain(program);
});
