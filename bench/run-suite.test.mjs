import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { runSuite } from './run-suite.mjs';
import { suites } from './suites.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'promptkd-suites-'));
afterAll(() => rmSync(folder, { recursive: true }));
/** What came of a script with this text. */
function run(text, args) {
  const file = join(folder, 'script.mjs');
  writeFileSync(file, text);
  return runSuite(pathToFileURL(file), args);
}
const options = JSON.stringify(pathToFileURL(here('options.mjs')).href);

describe('runSuite', () => {
  it('collects rows, and what was left out once', async () => {
    const text = `import { leaveOut, readOptions } from ${options};
      const { device, json } = readOptions({ device: 'cpu' });
      for (const ms of [1, 2]) { leaveOut('PyTorch: none'); console.log(JSON.stringify({ ms, device, json })); }`;
    expect(await run(text, ['--device', 'cuda'])).toEqual({
      rows: [1, 2].map((ms) => ({ ms, device: 'cuda', json: true })),
      left_out: ['PyTorch: none'],
    });
  });

  it('says why a suite is skipped', async () => {
    const text = `import { skip } from ${options};\nskip('no GPU');\nthrow new Error('never');`;
    expect(await run(text)).toEqual({ skipped: 'no GPU' });
  });

  it('gives the message of a suite that fails, with the rows before', async () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const failing = await run(`console.log('{"ms":1}');\nthrow new TypeError('no such thing');`);
    expect(failing).toEqual({ rows: [{ ms: 1 }], failed: 'no such thing' });
    expect(await run('process.kill(process.pid, "SIGKILL")')).toEqual({ rows: [], failed: 'killed by SIGKILL' });
    expect(await run('process.exit(3)')).toEqual({ rows: [], failed: 'ended with code 3' });
    expect((await run('console.log("Done.")')).failed).toContain('expected a JSON object a line, got Done.');
    write.mockRestore();
  });
});

describe('npm run bench', () => {
  it.each([
    [['--only'], 'argument missing'],
    [['--only', 'step,nope'], 'There is no suite nope; there are step, '],
    [['--bogus'], "unknown option '--bogus'"],
    [['--device', 'tpu'], 'Allowed choices are webgpu, cuda'],
  ])('%j ends with code 2 and a sentence', (args, message) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [here('index.mjs'), ...args], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });

  it('has every script that takes options', () => {
    const scripts = readdirSync(here('.')).filter((file) => file.endsWith('.mjs') && !file.endsWith('.test.mjs'));
    const optioned = scripts.filter((file) => /\breadOptions\(/.test(readFileSync(here(file), 'utf8')));
    const known = Object.values(suites).map(({ script }) => script);
    expect(optioned.filter((file) => !known.includes(file))).toEqual(['options.mjs']);
  });

  it('imports nothing from the built modules that they do not have', async () => {
    const lacking = [];
    for (const script of readdirSync(here('.')).filter((file) => file.endsWith('.mjs'))) {
      const text = readFileSync(here(script), 'utf8');
      for (const [, names, from] of text.matchAll(/import \{([^}]*)\} from '(\.\.\/dist\/[^']*)'/g)) {
        const built = await import(pathToFileURL(here(from)).href);
        for (const name of names.split(',').map((one) => one.trim().split(' as ')[0])) {
          if (name && !(name in built)) lacking.push(`${script}: ${name}`);
        }
      }
    }
    expect(lacking).toEqual([]);
  });
});
