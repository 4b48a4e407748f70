import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { long } from './long.fixture.js';

/** SwiftShader, a Vulkan driver that needs no GPU, and the Vulkan loader beside it, as Debian's chromium ships them. */
const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';
const built = fileURLToPath(new URL('../../dist/distill/index.js', import.meta.url));
const steps = fileURLToPath(new URL('./webgpu-steps.mjs', import.meta.url));
const training = fileURLToPath(new URL('./webgpu-train.mjs', import.meta.url));

interface Run {
  readonly losses: number[];
  readonly memory: number[];
  readonly gradients: Record<string, number[]>;
  readonly product: number[];
}

describe.skipIf(!existsSync(driver))(`training on WebGPU (skipped without ${driver}, of Debian's chromium)`, () => {
  let folder = '';
  let cpu: Run;
  let webgpu: Run;
  beforeAll(async () => {
    if (!existsSync(built)) throw new Error('WebGPU is tested as built: run "npm run build" first');
    folder = await mkdtemp(join(tmpdir(), 'promptkd-webgpu-'));
    [cpu, webgpu] = await Promise.all([train('cpu', 3), train('webgpu', 24, 'fp32', join(folder, 'profile'))]);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('gives the losses and gradients of the CPU', () => {
    expect(cpu.losses[2]).toBeLessThan(cpu.losses[0]!);
    for (const [step, loss] of cpu.losses.entries()) expect(Math.abs(webgpu.losses[step]! - loss)).toBeLessThan(1e-3);
    for (const [name, expected] of Object.entries(cpu.gradients)) {
      const scale = Math.max(...expected.map(Math.abs), 1e-3);
      const far = Math.max(...expected.map((g, i) => Math.abs(webgpu.gradients[name]![i]! - g)));
      expect(far / scale, name).toBeLessThan(1e-3);
    }
    expect(webgpu.product).toHaveLength(600);
    for (const [i, x] of cpu.product.entries()) expect(webgpu.product[i]).toBeCloseTo(x, 5);
  });

  it('runs every op there: the CPU, which ONNX Runtime always keeps behind it, answers for none', async () => {
    const [file] = await readdir(folder);
    const events = JSON.parse(await readFile(join(folder, file!), 'utf8')) as {
      cat: string;
      name: string;
      args: { provider?: string; op_name?: string };
    }[];
    const kernels = events.filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'));
    expect(kernels.filter(({ args }) => args.op_name === 'MatMul').length).toBeGreaterThan(0);
    expect(kernels.filter(({ args }) => args.provider !== 'WebGpuExecutionProvider').map(({ args }) => args)).toEqual(
      [],
    );
  });

  it('says in a sentence that mixed precision needs fp16, which SwiftShader has not', async () => {
    await expect(train('webgpu', 1, 'mixed')).rejects.toThrow(
      'this GPU has no fp16 in its shaders; expected fp32 here',
    );
  });

  it('does not grow from step to step', () => {
    expect(webgpu.memory).toHaveLength(24);
    expect(webgpu.memory.at(-1)! - webgpu.memory[12]!).toBeLessThan(16 * 2 ** 20);
  });

  // SwiftShader takes a good while for it; a device that keeps the parameters is made out of the CPU in other tests.
  it.runIf(long).each([
    ['contrastive', '24', '1'],
    ['visual', '8', '2'],
  ])(
    'keeps the parameters in the GPU’s memory over a %s training, with the CPU’s results, and does not grow: %s steps of %s batches',
    async (kind, count, accumulate) => {
      const [expected, found] = await Promise.all([
        run<Trained>(training, ['cpu', kind, '8', accumulate]),
        run<Trained>(training, ['webgpu', kind, count, accumulate]),
      ]);
      expect([expected.kept, found.kept]).toEqual([false, true]);
      for (const [step, losses] of expected.losses.entries()) {
        for (const [name, loss] of Object.entries(losses)) {
          expect(Math.abs(found.losses[step]![name]! - loss), name).toBeLessThan(1e-3);
        }
      }
      for (const tree of ['params', 'averaged', 'carried'] as const) {
        for (const [name, values] of Object.entries(expected[tree])) {
          // The scores of a softmax do not change with the bias of the keys: Adam makes steps of its gradient's rounding.
          if (name.endsWith('k_proj.bias')) continue;
          const far = Math.max(...values.map((x, i) => Math.abs(x - found[tree][name]![i]!)));
          expect(far, `${tree} ${name}`).toBeLessThan(1e-3);
        }
      }
      const { memory } = found;
      if (memory.length > 12) expect(memory.at(-1)! - memory[12]!).toBeLessThan(16 * 2 ** 20);
    },
  );
});

interface Trained {
  readonly losses: Record<string, number>[];
  readonly memory: number[];
  readonly params: Record<string, number[]>;
  readonly averaged: Record<string, number[]>;
  readonly carried: Record<string, number[]>;
  readonly kept: boolean;
}

function train(device: 'cpu' | 'webgpu', count: number, precision = 'fp32', profile?: string): Promise<Run> {
  return run(steps, [device, String(count), precision, ...(profile ? [profile] : [])]);
}

async function run<T>(script: string, args: readonly string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], {
    env: {
      ...process.env,
      PROMPTKD_GRAPH_OPTIMIZATION: 'all',
      VK_ICD_FILENAMES: driver,
      LD_LIBRARY_PATH: dirname(driver),
    },
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(stdout) as T;
}
