import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

function promptkd(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    env: { ...process.env, PROMPTKD_DEBUG: '' },
  });
  return { code: status, out: stdout, err: stderr };
}

describe('command line', () => {
  beforeAll(() => {
    if (!existsSync(main)) throw new Error('the command line is tested as built: run "npm run build" first');
  });

  it('explains itself', () => {
    const { code, out } = promptkd('--help');
    expect(code).toBe(0);
    expect(out).toContain('Usage: promptkd');
    expect(out).toContain('$ promptkd demo');
  });

  it('explains every command with an example', () => {
    const commands = [...promptkd('--help').out.matchAll(/^ {2}([a-z]+)(?: \[| {2})/gm)]
      .map(([, name]) => name!)
      .filter((name) => name !== 'help');
    expect(commands).toContain('bench');
    for (const command of commands) {
      const nested = { data: 'show', bench: 'step' }[command];
      const { code, out } = promptkd(command, ...(nested ? [nested] : []), '--help');
      expect([command, code]).toEqual([command, 0]);
      expect(out).toContain(`$ promptkd ${command}`);
    }
  });

  it('prints its version', () => {
    expect(promptkd('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it.each([
    [['benhc'], "promptkd: unknown command 'benhc' (Did you mean bench?)\n"],
    [['bench', 'step', '--moed', 'full'], "promptkd: unknown option '--moed' (Did you mean --mode?)\n"],
    [
      ['bench', 'step', '--mode', 'fast'],
      /^promptkd: option '--mode <mode>' argument 'fast' is invalid\. Allowed choices are forward, prompts, full\.\n$/,
    ],
    [
      ['bench', 'step', '--batch', '0'],
      /^promptkd: option '--batch <n>' argument '0' is invalid\. expected a whole number of at least 1\.\n$/,
    ],
    [['bench', 'step', '--width', '10', '--heads', '3'], 'promptkd: --heads 3: expected a divisor of --width 10\n'],
  ])('answers %j with one sentence and exit code 2', (args, sentence) => {
    const { code, out, err } = promptkd(...args);
    expect(out).toBe('');
    if (typeof sentence === 'string') expect(err).toBe(sentence);
    else expect(err).toMatch(sentence);
    expect(code).toBe(2);
  });

  it('prints a benchmark as one JSON object', () => {
    const { code, out } = promptkd(
      'bench',
      'step',
      '--batch',
      '1',
      '--layers',
      '1',
      '--tokens',
      '4',
      '--width',
      '8',
      '--heads',
      '2',
      '--runs',
      '2',
      '--json',
    );
    expect(code).toBe(0);
    expect(Object.keys(JSON.parse(out))).toEqual(['mode', 'ms', 'gflops', 'images_per_second']);
  });

  it('examines the machine', () => {
    const { code, out } = promptkd('doctor', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toContainEqual({ name: 'cpu', state: 'ok', detail: 'computes' });
  });
});
