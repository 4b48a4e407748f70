import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { exportModel, quantizeModel } from '../compress/index.js';
import { openDataset } from '../data/index.js';
import { evaluateModel } from '../evaluate/evaluate.js';
import { loadModel } from '../model/load.js';
import { teacher } from '../test/colours.fixture.js';
import { promptkd } from '../test/command.fixture.js';
import { imageFile, put } from '../test/images.fixture.js';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const data = () => ['--data', `folder:${at('images')}`, '--split', 'train'];
const colours = { red: '#e01818', green: '#18c030', blue: '#1830e0' };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-compare-cli-'));
  for (const [name, colour] of Object.entries(colours)) {
    for (let i = 0; i < 6; i++) await put(at('images'), `${name}/${i}.png`, await imageFile(colour));
  }
  await saveCheckpoint(at('teacher'), teacher);
  await cp(at('teacher'), at('other', 'teacher'), { recursive: true });
  await exportModel({ model: teacher, out: at('exported') });
  const dataset = await openDataset(`folder:${at('images')}`);
  const few = { images: 12, tune: 0, dtypes: ['q4'] } as const;
  await quantizeModel({ model: teacher, dataset, out: at('small'), ...few });
});
afterAll(() => rm(folder, { recursive: true }));

interface Variant {
  name: string;
  bytes: number;
  memory: number;
  top1: { value: number; low: number; high: number };
  r1?: unknown;
  agreement: { value: number };
  p50: { value: number; low: number; high: number };
  p95: { value: number };
}

describe('promptkd compare', () => {
  it('measures checkpoints and variants of ONNX files alike, draws them and recommends one', async () => {
    const models = [at('teacher'), `${at('exported')}#fp16`, at('small'), `${at('small')}#q4`];
    const plot = at('pareto.svg');
    const options = [...data(), '--runs', '12', '--threads', '1', '--json', '--quiet', '--plot', plot];
    const { code, out, err } = await promptkd('compare', ...models, ...options, '--max-drop', '100');
    expect([code, err]).toEqual([0, '']);
    const result = JSON.parse(out) as { variants: Variant[]; pareto: string[]; recommended: string };
    expect(result.variants.map(({ name }) => name)).toEqual(['teacher', 'exported fp16', 'small', 'small q4']);
    const [first, half, few] = result.variants as [Variant, Variant, Variant, Variant];
    const { zeroShot } = await evaluateModel(
      await loadModel(at('teacher')),
      await openDataset(`folder:${at('images')}`),
      {
        split: 'train',
        latencyRuns: 0,
      },
    );
    expect(first.top1.value).toBe(zeroShot!.top1.value);
    expect(first.agreement.value).toBe(1);
    expect(half.top1.value).toBe(first.top1.value);
    expect(few.bytes).toBeLessThan(0.5 * first.bytes);
    for (const { memory, p50, p95 } of result.variants) {
      expect(memory).toBeGreaterThan(0);
      expect(p50.low <= p50.value && p50.value <= p50.high && p50.value <= p95.value).toBe(true);
    }
    // Any loss allowed: the smallest is the best.
    const smallest = result.variants.reduce((a, b) => (b.bytes < a.bytes ? b : a));
    expect(result.recommended).toBe(smallest.name);
    expect(result.pareto).toContain(smallest.name);
    const svg = await readFile(plot, 'utf8');
    for (const { name } of result.variants) expect(svg).toContain(name);
  });

  it('prints a table, tells equal names by the folders above, and says where nothing keeps to a limit', async () => {
    const options = [...data(), '--runs', '5', '--threads', '1', '--max-bytes', '10'];
    const { code, out } = await promptkd('compare', at('teacher'), at('other', 'teacher'), ...options);
    expect(code).toBe(0);
    expect(out).toMatch(/12 images, 3 classes; 95 % intervals/);
    const first = `${basename(folder)}/teacher`;
    expect(out).toMatch(/^other\/teacher .*\(\d/m);
    expect(out).toMatch(new RegExp(`^${first} .*\\(\\d`, 'm'));
    expect(out).toContain(`as ${first} %`);
    expect(out).toMatch(/none keeps to at most 0\.0100 kB/);
  });

  it.each<[string, () => string[], RegExp]>([
    ['an unknown variant', () => [`${at('small')}#q5`], /small#q5: expected one of fp32, .* behind the #, got "q5"/],
    ['a variant that is not there', () => [`${at('small')}#q8`], /small: expected onnx\/vision_model_quantized\.onnx/],
    ['a folder that is none', () => [at('nothing')], /nothing: /],
    ['a split that is none', () => [at('teacher'), '--split', 'nights'], /nights/],
    ['a model twice', () => [at('teacher'), at('teacher')], /models: expected each once, got .*teacher twice/],
    ['no models', () => [], /missing required argument 'models'/],
    ['a limit below nothing', () => [at('teacher'), '--max-ms', '-1'], /'--max-ms <ms>' argument '-1' is invalid/],
    [
      'a chart that cannot be written, before it measures',
      () => [at('nothing'), '--plot', at('teacher', 'config.json', 'x.svg')],
      /config\.json\/x\.svg: cannot be written: expected a folder, got a file/,
    ],
    ['no runs', () => [at('teacher'), '--runs', '0'], /'--runs <n>' argument '0' is invalid/],
  ])('answers %s with one sentence and exit code 2', async (_, args, message) => {
    const { code, out, err } = await promptkd('compare', ...data(), '--quiet', ...args());
    expect(err).toMatch(message);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect([code, out]).toEqual([2, '']);
  });

  it('names a quantised file that ends early', async () => {
    const path = at('small', 'quantized.safetensors');
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 64));
    const { code, err } = await promptkd('compare', at('small'), ...data(), '--quiet');
    expect(err).toMatch(/quantized\.safetensors: /);
    expect([code, err.trim().split('\n').length]).toEqual([2, 1]);
    await writeFile(path, bytes);
  });
});
