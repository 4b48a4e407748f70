import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { saveModel } from '../model/index.js';
import { oneBlock, recipe, teacher } from './colours.fixture.js';
import { put } from './images.fixture.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const killer = new URL('./kill-at.mjs', import.meta.url).href;
let root: string;
const at = (...parts: string[]) => join(root, ...parts);

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-kill-'));
  for (const name of ['red', 'green', 'blue']) for (let i = 0; i < 5; i++) await put(at('images'), `${name}/${i}.png`);
  await saveModel(at('teacher'), teacher);
  const few = { warmup: { steps: 0 }, prompt: { steps: 1 }, joint: { steps: 2 } };
  writeFileSync(
    at('recipe.yaml'),
    stringify(recipe({ student: oneBlock, views: 1, checkpoint_every: 1, phases: few })),
  );
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** @param kill number of the call at which the process is killed; 0 for none */
function run(args: readonly string[], kill = 0) {
  const { status, signal, stderr } = spawnSync(process.execPath, ['--import', `${killer}?at=${kill}`, main, ...args], {
    encoding: 'utf8',
  });
  return { status, signal, stderr };
}

it('distill that is killed again and again ends with the same bits', () => {
  const files = ['student/model.safetensors', 'student/prompt_encoder.safetensors', 'targets/shard-00000.bin'];
  const source = ['--teacher', at('teacher'), '--data', `folder:${at('images')}`, '--recipe', at('recipe.yaml')];
  const args = (out: string) => ['distill', ...source, '--out', at(out), '--quiet'];
  const bits = (out: string) => files.map((file) => readFileSync(at(out, file), 'base64'));
  expect(run(args('whole'))).toMatchObject({ status: 0, signal: null });
  const out = 'killed';
  // Each time further, in whatever the one before has left. bench/kill.mjs kills every command at every call.
  for (const call of [9, 47]) expect(run(args(out), call).signal, `call ${call}`).toBe('SIGKILL');
  expect(run(args(out))).toEqual({ status: 0, signal: null, stderr: '' });
  expect(bits(out)).toEqual(bits('whole'));
  expect(existsSync(at(out, 'run.lock'))).toBe(false);
});
