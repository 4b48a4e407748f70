import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { put } from '../test/pictures.fixture.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-little-data-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('trains on a stratified fraction, which a batch may not exceed', async () => {
  for (const name of ['ant', 'owl']) for (let i = 0; i < 10; i++) await put(folder, `${name}/${i}.png`);
  const pretrain = (...args: string[]) =>
    spawnSync(
      process.execPath,
      [main, 'pretrain', '--data', `folder:${folder}`, '--out', join(folder, '.run'), '--quiet', ...args],
      { encoding: 'utf8' },
    );
  // A fifth is kept for test and a tenth for val: 14 are left to train on, half of them 7, of which 9 make no batch.
  const batch = ['--set', 'batch=9'];
  expect(pretrain(...batch, '--fraction', '0.5')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining(`batch: 9 is more than the 7 captioned pictures of folder:${folder}/train`),
  });
  expect(pretrain('--imbalance', '9')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('imbalance 9: the largest class has 7 pictures'),
  });
  expect(pretrain('--fraction', '1.5').stderr).toContain('data.fraction: expected at most 1, got 1.5');
});
