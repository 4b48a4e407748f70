import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptkd } from '../test/command.fixture.js';

const evil = 'a\x1b]0;owned\x07b';
let root = '';
const at = (...parts: string[]) => join(root, ...parts);

const record = (more: object = {}) => ({
  ...{ version: 1, id: 'x', command: 'distill', state: 'stopped', started: '2026-01-01T00:00:00Z', recipe: {} },
  ...{ data: { name: 'emoji', fingerprint: 'x' }, models: {}, versions: {}, steps: 1, seconds: 1, images_seen: 1 },
  machine: { host: 'h', processor: 'p', cores: 2, memory_bytes: 1, device: 'cpu', tensor_parallel: 1 },
  ...{ skipped: [], figures: {}, ...more },
});

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-hostile-'));
  mkdirSync(at('runs', evil), { recursive: true });
  writeFileSync(at('runs', evil, 'run.json'), '{');
  mkdirSync(at('runs', `${evil}2`));
  writeFileSync(at('runs', `${evil}2`, 'run.json'), JSON.stringify(record({ command: evil, state: 'finished' })));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** What a terminal would act upon. */
const acts = /(?!\n)\p{Cc}/u;

describe('a folder of runs that somebody sent', () => {
  it('is listed, compared and cleaned without a say over the terminal', async () => {
    for (const args of [
      ['list', at('runs')],
      ['compare', at('runs', `${evil}2`)],
      ['clean', at('runs')],
    ]) {
      const { code, out, err } = await promptkd('runs', ...args);
      expect([args[0], code]).toEqual([args[0], 0]);
      expect(out + err).not.toMatch(acts);
    }
  });

  it('has no other command run by resume than one that trains', async () => {
    mkdirSync(at('victim', 'targets'), { recursive: true });
    writeFileSync(at('victim', 'run.json'), JSON.stringify(record({ state: 'finished' })));
    for (const [command, args] of [
      ['runs', ['clean', at('victim'), '--yes', '--']],
      ['jobs', ['run', '--folder', at('jobs'), '--', 'runs', 'clean', at('victim'), '--yes']],
      ['nothing', []],
      [evil, []],
    ]) {
      mkdirSync(at('sent'), { recursive: true });
      writeFileSync(at('sent', 'run.json'), JSON.stringify(record({ command, invocation: { args, folder: root } })));
      const { code, err } = await promptkd('resume', at('sent'));
      expect([code, err]).toEqual([2, expect.stringContaining('command: expected one that trains from a recipe')]);
      expect(err).not.toMatch(acts);
    }
  });
});

it('a path that is empty, as of a variable that is not set, is refused before anything is done', async () => {
  for (const [args, name] of [
    [['export', '', '--out', 'x'], '<model>'],
    [['export', 'promptkd:emoji-student', '--out', ''], '--out'],
    [['distill', '--teacher', 'a', '--teacher', '', '--out', 'x'], '--teacher'],
  ] as const) {
    const { code, err } = await promptkd(...args);
    expect([code, err]).toEqual([2, expect.stringContaining(`promptkd: ${name}: expected a value, got an empty text`)]);
  }
});
