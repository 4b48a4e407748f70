import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { promptkd } from '../test/command.fixture.js';
import { put } from '../test/images.fixture.js';

const tuning = ['steps=1', 'batch=4', 'pseudo.threshold=0.1'].flatMap((field) => ['--set', field]);
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-little-data-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('trains on a stratified fraction, which a batch may not exceed', async () => {
  for (const name of ['ant', 'owl']) for (let i = 0; i < 10; i++) await put(folder, `${name}/${i}.png`);
  const pretrain = (...args: string[]) =>
    promptkd('pretrain', '--data', `folder:${folder}`, '--out', join(folder, '.run'), '--quiet', ...args);
  // A fifth is kept for test and a tenth for val: 14 are left to train on, half of them 7, of which 9 make no batch.
  const batch = ['--set', 'batch=9'];
  expect(await pretrain(...batch, '--fraction', '0.5')).toMatchObject({
    code: 2,
    err: expect.stringContaining(`batch: 9 is more than the 7 captioned images of folder:${folder}/train`),
  });
  expect(await pretrain('--imbalance', '9')).toMatchObject({
    code: 2,
    err: expect.stringContaining('imbalance 9: the largest class has 7 images'),
  });
  expect((await pretrain('--fraction', '1.5')).err).toContain('data.fraction: expected at most 1, got 1.5');
});

it('learns from images alone where a model answers for them, and says so; pairs there are none', async () => {
  for (let i = 0; i < 12; i++) await put(folder, `${i}.png`);
  const bare = ['--data', `folder:${folder}?classes=ant,owl`, '--out', join(folder, '.run')];
  expect(await promptkd('pretrain', ...bare, '--quiet')).toMatchObject({
    code: 2,
    err: expect.stringContaining('expected images with captions or classes to learn from, found none'),
  });
  const tuned = await promptkd('tune-prompts', 'promptkd:emoji-student', ...bare, '--yes', ...tuning);
  expect(tuned.code).toBe(0);
  expect(tuned.err).toContain('has no labels: prompts are learned from the model');
  expect(tuned.out).toMatch(/pseudo-labels: \d+ images, classes among them: [12]\n/);
  expect(tuned.out).toContain(`--data 'folder:${folder}?classes=ant,owl'`);
});
