import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

describe('promptkd serve', () => {
  it.each([
    [['--host', ''], '--host: expected an address or a name, got ""'],
    [['--timeout', '3000000'], '--timeout: expected 0 to 2147483 s, got 3000000 s'],
    [['--key-file', tmpdir()], `${tmpdir()}: expected a file, got a folder`],
  ])('answers %j with one sentence and exit code 2', (options, sentence) => {
    // The options are looked at before the model.
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'serve', 'nothing.json', ...options], {
      encoding: 'utf8',
      env: { ...process.env, PROMPTKD_API_KEYS: '' },
    });
    expect(stderr).toBe(`promptkd: ${sentence}\n`);
    expect([status, stdout]).toEqual([2, '']);
  });
});
