import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFile, put } from '../test/images.fixture.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-tune-cli-'));
  for (const split of ['val', 'test']) await put(folder, `${split}/red/1.png`, await imageFile('#e01818'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('promptkd cascade tune', () => {
  it('reports on no image that it tuned on', () => {
    const parts = ['--data', `folder:${folder}`, '--split', 'val+test', '--held-out', 'test'];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [main, 'cascade', 'tune', 'a', 'b', ...parts, '--quiet'],
      { encoding: 'utf8' },
    );
    expect(stderr).toMatch(/: test\/red\/1\.png is in the split val\+test and in test: report on other images than/);
    expect([status, stdout]).toEqual([2, '']);
  });

  it('says that its file cannot be written before it opens a model', () => {
    const out = join(folder, 'val', 'red', '1.png', 'x.json');
    const parts = ['--data', `folder:${folder}`, '--split', 'val', '--held-out', 'test', '--out', out];
    const { status, stderr } = spawnSync(process.execPath, [main, 'cascade', 'tune', 'a', 'b', ...parts], {
      encoding: 'utf8',
    });
    expect(stderr).toBe(`promptkd: ${out}: cannot be written: expected a folder, got a file\n`);
    expect(status).toBe(2);
  });
});
