import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

  it.each([
    ['batsh: 8', 'unknown field batsh; did you mean batch?'],
    ['optimizer: { lr: 0.1, clipp: 1 }', 'unknown field optimizer.clipp; did you mean optimizer.clip?'],
    ['batch: 0', 'batch: expected '],
    ['steps: many', 'steps: expected number, got "many"'],
  ])('refuses the recipe %j', async (text, reason) => {
    const folder = await mkdtemp(join(tmpdir(), 'promptkd-cli-'));
    const recipe = join(folder, 'recipe.yaml');
    await writeFile(recipe, text);
    const { code, out, err } = promptkd('pretrain', '--recipe', recipe, '--out', join(folder, 'run'));
    expect(err).toContain(`promptkd: ${recipe}: ${reason}`);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect([code, out]).toEqual([2, '']);
    expect(existsSync(join(folder, 'run'))).toBe(false);
  });

  it.each([
    [['pretrain', '--recipe', 'nowhere.yaml', '--out', 'run'], 'nowhere.yaml: no such recipe file'],
    [['distill', '--teacher', 'nowhere', '--out', 'run'], 'nowhere: expected the folder of a CLIP checkpoint'],
    [['data', 'show', 'folder:nowhere'], 'nowhere'],
  ])('misses %j', (args, sentence) => {
    const { code, err } = promptkd(...args);
    expect(err).toContain(sentence);
    expect(err.trim().split('\n')).toHaveLength(1);
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
