import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { devices } from '../runtime/device.js';
import { teacher } from '../test/colours.fixture.js';
import { promptkd } from '../test/command.fixture.js';
import { long } from '../test/long.fixture.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

describe('command line', () => {
  beforeAll(() => {
    if (!existsSync(main)) throw new Error('the command line is tested as built: run "npm run build" first');
  });

  it('explains itself', async () => {
    const { code, out } = await promptkd('--help');
    expect(code).toBe(0);
    expect(out).toContain('Usage: promptkd');
    expect(out).toContain('$ promptkd demo');
  });

  it('explains itself without loading what computes', () => {
    const env = { ...process.env, NODE_DEBUG: 'esm' };
    const { stderr } = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8', env });
    const packages = new Set([...stderr.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)\//g)].map(([, name]) => name));
    expect(packages).toContain('commander');
    for (const heavy of ['onnxruntime-node', 'sharp', 'zod', 'yaml']) expect(packages).not.toContain(heavy);
  });

  it('says nothing of a reader who stops early', () => {
    const { status, stderr } = spawnSync(
      'bash',
      ['-c', `set -o pipefail; "${process.execPath}" "${main}" --help | true`],
      {
        encoding: 'utf8',
      },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('explains every command with an example', async () => {
    const commands = [...(await promptkd('--help')).out.matchAll(/^ {2}([a-z]+)(?: \[| {2})/gm)]
      .map(([, name]) => name!)
      .filter((name) => name !== 'help');
    expect(commands).toContain('bench');
    for (const command of commands) {
      const nested = { data: 'show', bench: 'step', jobs: 'run', diloco: 'run', vqa: 'train' }[command];
      const { code, out } = await promptkd(command, ...(nested ? [nested] : []), '--help');
      expect([command, code]).toEqual([command, 0]);
      expect(out).toContain(`$ promptkd ${command}`);
    }
  });

  it('prints its version', async () => {
    expect(await promptkd('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
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
    [
      ['distill', '--log', 'mlflow=http://ann:secret@localhost:5000'],
      /is invalid\. expected no name and no password, .*: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD\.\n$/,
    ],
    [['defects', 'fit', 'x', '--log', 'mlflow=localhost'], /is invalid\. expected mlflow=URL, as mlflow=http:/],
    [['bench', 'step', '--width', '10', '--heads', '3'], 'promptkd: --heads 3: expected a divisor of --width 10\n'],
  ])('answers %j with one sentence and exit code 2', async (args, sentence) => {
    const { code, out, err } = await promptkd(...args);
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
    const { code, out, err } = await promptkd('pretrain', '--recipe', recipe, '--out', join(folder, 'run'), '--quiet');
    expect(err).toContain(`promptkd: ${recipe}: ${reason}`);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect([code, out]).toEqual([2, '']);
    expect(existsSync(join(folder, 'run'))).toBe(false);
  });

  it.each([
    [['pretrain', '--recipe', 'nowhere.yaml', '--out', 'run'], 'nowhere.yaml: no such recipe file'],
    [['pretrain', '--recipe', 'promptkd:distil-emoji', '--out', 'run'], 'did you mean promptkd:distill-emoji?'],
    [['distill', '--teacher', 'nowhere', '--out', 'run'], 'nowhere: expected the folder of a CLIP checkpoint'],
    [['data', 'show', 'folder:nowhere'], 'nowhere'],
    [['evaluate', 'nowhere'], 'nowhere: expected the folder of a CLIP checkpoint'],
  ])('misses %j', async (args, sentence) => {
    const { code, err } = await promptkd(...args, '--quiet');
    expect(err).toContain(sentence);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  });

  it.each([
    [{}, 'some/clip: no such folder, and no model of that name can be fetched (http://127.0.0.1:9 cannot be reached'],
    [{ HF_HUB_OFFLINE: '1' }, 'some/clip: no such folder, and HF_HUB_OFFLINE is set while'],
  ])('takes what is no folder for a hub id; without network, %j', async (more, sentence) => {
    const env = { HF_ENDPOINT: 'http://127.0.0.1:9', HF_HUB_CACHE: join(tmpdir(), 'promptkd-no-cache'), ...more };
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const { code, out, err } = await promptkd('evaluate', 'some/clip');
    vi.unstubAllEnvs();
    expect(err).toContain(sentence);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect([code, out]).toEqual([2, '']);
  });

  // Most of it is the fastest product that this machine can do.
  it.runIf(long)('prints a benchmark as one JSON object', async () => {
    const { code, out } = await promptkd(
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
    const fields = ['mode', 'ms', 'gflops', 'images_per_second', 'peak_memory_mb', 'peak_gflops', 'share_of_peak'];
    expect(Object.keys(JSON.parse(out))).toEqual(fields);
  });

  it('examines the machine, and says of a device that is not here what it found', async () => {
    const { code, out } = await promptkd('doctor', '--json');
    expect(code).toBe(0);
    const findings = JSON.parse(out) as { name: string; state: string; detail: string }[];
    expect(findings).toContainEqual({ name: 'cpu', state: 'ok', detail: 'computes' });
    const missing = findings.filter(
      ({ name, state }) => state === 'missing' && (devices as readonly string[]).includes(name),
    );
    for (const { name, detail } of missing) {
      const { code, out, err } = await promptkd('bench', 'step', '--device', name, '--batch', '1', '--layers', '1');
      // Before it, WebGPU's own library may warn that there is no Vulkan.
      expect(err.trim().split('\n').at(-1)).toBe(`promptkd: --device ${name}: ${detail}`);
      expect(err).not.toContain('onnxruntime_src');
      expect([code, out]).toEqual([2, '']);
    }
  });

  it('asks for huge pages where Linux leaves it to each process and Node can start itself anew', () => {
    const state = (tunables: string) => {
      const env = { ...process.env, GLIBC_TUNABLES: tunables };
      const { stdout } = spawnSync(process.execPath, [main, 'doctor', '--json'], { encoding: 'utf8', env });
      const findings = JSON.parse(stdout) as { name: string; state: string }[];
      return findings.find(({ name }) => name === 'huge pages')?.state;
    };
    const modes = 'sys/kernel/mm/transparent_hugepage/enabled';
    const [mode] = existsSync(`/${modes}`) ? /(?<=\[)\w+/.exec(readFileSync(`/${modes}`, 'utf8'))! : [];
    const asked = { always: 'ok', never: 'missing', madvise: 'ok' }[mode ?? ''];
    expect(state('glibc.malloc.hugetlb=1')).toBe(asked);
    expect(state('glibc.malloc.hugetlb=0')).toBe(mode === 'madvise' ? 'missing' : asked);
    expect(state('glibc.malloc.check=0')).toBe(mode === 'madvise' && !('execve' in process) ? 'missing' : asked);
  });
});

describe('evaluate', () => {
  let folder = '';
  let model = '';
  let data = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'promptkd-cli-'));
    model = join(folder, 'model');
    data = `folder:${join(folder, 'images')}`;
    await saveCheckpoint(model, teacher);
    for (const [name, background] of [
      ['red', '#e61e1e'],
      ['blue', '#1e3cdc'],
    ] as const) {
      await mkdir(join(folder, 'images/test', name), { recursive: true });
      for (const width of [16, 20, 24]) {
        const file = join(folder, 'images/test', name, `${width}.png`);
        await sharp({ create: { width, height: 16, channels: 3, background } }).toFile(file);
      }
    }
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('prints a table with intervals, or one JSON object', async () => {
    const args = ['evaluate', model, '--data', data, '--threads', '1', '--latency-runs', '2'];
    const { code, out, err } = await promptkd(...args, '--json', '--quiet');
    expect([code, err]).toEqual([0, '']);
    const result = JSON.parse(out);
    expect(result).toMatchObject({ model, split: 'test', images: 6, classes: 2, top5: 1, skipped: [], artists: [] });
    expect(result.top1_interval[0]).toBeLessThanOrEqual(result.top1);
    expect(result.r10_text_to_image).toBe(1);
    const table = (await promptkd(...args, '--quiet')).out;
    expect(table).toMatch(/^top-1 +[\d.]+ % +[\d.]+–[\d.]+ +6 images, 2 classes$/m);
    expect(table).toMatch(/^latency, one image +[\d.]+ ms +median of 2;/m);
  });

  it.each([
    [['--split', 'tset'], /: no split tset; it has test; did you mean test\?$/],
    [
      ['--templates', 'a photo'],
      /^promptkd: templates: expected \{\} or \[OBJ\] where the class name stands, got "a photo"$/,
    ],
    [['--latency-runs', '-1'], /argument '-1' is invalid\. expected a whole number\.$/],
  ])('refuses %j', async (args, sentence) => {
    const { code, out, err } = await promptkd('evaluate', model, '--data', data, '--quiet', ...args);
    expect(err.trim()).toMatch(sentence);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect([code, out]).toEqual([2, '']);
  });
});
