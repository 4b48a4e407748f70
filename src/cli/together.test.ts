import { afterEach, expect, it } from 'vitest';
import { promptkd } from '../test/command.fixture.js';

const before = { ...process.env };
afterEach(() => {
  for (const name of ['OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_RANK']) delete process.env[name];
  Object.assign(process.env, before);
});

it.each([
  ['evaluate', 'model'],
  ['export', 'model', '--out', 'x'],
  ['sweep', 'x.yaml', '--out', 'x'],
  ['jobs', 'status', 'x'],
])('refuses %s under mpirun, as every process would do the whole of it', async (...args) => {
  Object.assign(process.env, { OMPI_COMM_WORLD_SIZE: '2', OMPI_COMM_WORLD_RANK: '0' });
  const { code, err } = await promptkd(...args);
  expect([code, err]).toEqual([
    2,
    `promptkd: ${args[0]}: one process runs this command, and mpirun or srun has started 2: start it without; distill, extract, pretrain, tune-prompts, cvpr2024, continue, quantize share their work\n`,
  ]);
});
