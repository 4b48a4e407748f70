import { existsSync, statSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { CLIPTextModelWithProjection, CLIPVisionModelWithProjection, env, Tensor } from '@huggingface/transformers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint, saveCheckpoint, saveDescription } from '../../clip/checkpoint/checkpoint.js';
import { quantizedFile } from '../../clip/checkpoint/weight-files.js';
import type { ImageTextDataset } from '../../data/index.js';
import { fileList } from '../../files/index.js';
import { Random } from '../../math/random.js';
import type { TowerModel } from '../../model/model.js';
import { withWeights } from '../../model/weights.js';
import { loadPrompts } from '../../prompt/index.js';
import type { HostTensor } from '../../tensor/index.js';
import { readQuantized } from '../../weight-formats/file.js';
import { dequantize, roundTo, weightGrid } from '../../weight-formats/quantized.js';
import { checkpoint, promptsFor } from '../student.fixture.js';
import { difference, engineEmbeds, samplesFor } from '../verify.js';
import { loadCalibration } from './calibration.js';
import { greedyPath, smallestThatDoes, withinBudget } from './choose.js';
import { compensated } from './gptq.js';
import { quantizeInOrder } from './in-order.js';
import { type QuantizeModelResult, quantizeModel } from './index.js';
import { damped, inverseOf, timesInverse } from './inverse.js';
import { type Mixture, mixtureOf, mixtures, weightsOf } from './mixture.js';
import { measureMoments } from './moments.js';
import { splitMoments } from './pair-moments.js';
import { meanKl, Predictor } from './predictor.js';
import { type QuantizedStudent, quantizeStudent } from './quantize.js';
import { weightBytes } from './quantize-model.js';

const student = { ...checkpoint, prompts: promptsFor(2) };
const names = ['red cat', 'small house', 'tree', 'two houses'];
/** Images of noise in four classes. */
const images = (first: number) =>
  Array.from({ length: 40 }, (_, i) => ({ id: `${first + i}`, label: i % 4, captions: [names[i % 4]!] }));
const dataset: ImageTextDataset = {
  name: 'noise',
  kind: 'drawings',
  fingerprint: 'noise',
  skipped: [],
  classes: names.map((name) => ({ name, novel: false })),
  splits: { train: images(0), test: images(40) },
  async load({ id }) {
    const random = new Random('noise', id);
    return { width: 16, height: 16, channels: 3, data: Uint8Array.from({ length: 768 }, () => random.int(256)) };
  },
};

/** All files of a folder, by their paths in it. */
const listed = async (folder: string) =>
  (await readdir(folder, { recursive: true })).filter((name) => statSync(join(folder, name)).isFile()).sort();

describe('gptq', () => {
  const random = new Random('gptq');
  // More columns than are worked on one at a time, and no even halves of them.
  const [rows, columns] = [24, 211];
  const normal = (count: number) => Float32Array.from({ length: count }, () => random.normal());
  const weight: HostTensor<Float32Array> = { shape: [rows, columns], data: normal(rows * columns) };
  // Inputs that move together, as activations do.
  const mix = normal(columns * columns);
  const x = Array.from({ length: 200 }, () => {
    const few = normal(8);
    return Float32Array.from({ length: columns }, (_, i) => few.reduce((sum, f, k) => sum + f * mix[i * 8 + k]!, 0));
  });
  const moments: HostTensor<Float32Array> = {
    shape: [columns, columns],
    data: Float32Array.from({ length: columns ** 2 }, (_, at) => {
      const [i, j] = [Math.floor(at / columns), at % columns];
      return x.reduce((sum, row) => sum + row[i]! * row[j]!, 0) / x.length;
    }),
  };
  const error = (values: Float32Array) => {
    let sum = 0;
    for (const input of x) {
      for (let r = 0; r < rows; r++) {
        let off = 0;
        for (let k = 0; k < columns; k++) off += (values[r * columns + k]! - weight.data[r * columns + k]!) * input[k]!;
        sum += off * off;
      }
    }
    return sum;
  };

  it.each(['nf4', 'codebook', 'int4', 'int8', 'fp8'] as const)(
    'leaves less of the outputs’ error in %s',
    async (scheme) => {
      const grid = weightGrid(weight, scheme);
      // Without moments between columns nothing can be made up for.
      const data = moments.data.map((value, at) => (Math.floor(at / columns) === at % columns ? value : 0));
      const plain = await compensated(grid, weight, { ...moments, data });
      expect(plain).toEqual(roundTo(grid, weight));
      const made = await compensated(grid, weight, moments);
      expect(error(dequantize(made).data)).toBeLessThan(0.5 * error(dequantize(plain).data));
    },
  );

  it('divides by the moments', async () => {
    const inverse = await inverseOf(moments);
    const { data: x } = await timesInverse(weight, inverse);
    const { data: m } = damped(moments);
    for (let row = 0; row < rows; row++) {
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        for (let k = 0; k < columns; k++) sum += x[row * columns + k]! * m[k * columns + j]!;
        expect(Math.abs(sum - weight.data[row * columns + j]!)).toBeLessThan(1e-3);
      }
    }
    const { factor, order } = inverse;
    expect(factor.data.every((value, at) => at % columns >= Math.floor(at / columns) || value === 0)).toBe(true);
    const energies = Array.from(order, (i) => m[i * columns + i]!);
    expect(energies).toEqual(energies.toSorted((a, b) => b - a));
  });
});

describe('rounding in order', () => {
  it('takes layers that are always fed the same', async () => {
    const [rows, row] = [1000, Float32Array.from({ length: 9 }, (_, i) => (i < 8 ? 0.1 + Math.sin(i) : 1))];
    // One in ten million less than the mean leaves of it.
    const data = Float32Array.from(
      { length: 81 },
      (_, at) => rows * row[Math.floor(at / 9)]! * row[at % 9]! * (1 - 1e-7),
    );
    data[80] = rows;
    const { centred } = splitMoments({ shape: [9, 9], data }, { shape: [9, 9], data });
    const { factor } = await inverseOf(centred.fed);
    expect(factor.data.every(Number.isFinite)).toBe(true);
  });

  it('errs less than rounding each layer for itself, on images that it did not see', async () => {
    const [calibration, unseen] = [
      await loadCalibration(student, dataset, { images: 40 }),
      await loadCalibration(student, dataset, { images: 40, split: 'test' }),
    ];
    const predictor = await Predictor.create(student, unseen);
    const predict = async (s: TowerModel) => predictor.predict(await predictor.embeds(s), s);
    const before = await predict(student);
    const kl = async ({ student: s }: QuantizedStudent) => meanKl(before, await predict(s));
    const mixture = mixtureOf(student);
    const moments = await measureMoments(student, calibration);
    const alone = await kl(await quantizeStudent(student, mixture, { moments }));
    const seen: number[] = [];
    const inOrder = await quantizeInOrder(student, mixture, calibration, { onProgress: (done) => seen.push(done) });
    const far = await kl(inOrder);
    expect(far).toBeLessThan(0.7 * alone);
    // Biases make up for the mean of what rounding changes.
    const biases = Object.fromEntries(Object.entries(weightsOf(student)).filter(([name]) => name.endsWith('.bias')));
    const uncorrected = { ...inOrder, student: withWeights(inOrder.student, biases) };
    expect(far).toBeLessThan(await kl(uncorrected));
    await predictor.dispose();
    expect(Object.keys(inOrder.tensors).sort()).toEqual(Object.keys(mixture).sort());
    expect(seen).toEqual(seen.map((_, i) => i + 1));
  });
});

describe('Predictor', () => {
  it('goes on from the hidden state before the weight that is changed, to the same embeddings', async () => {
    const predictor = await Predictor.create(student, await loadCalibration(student, dataset, { images: 40 }));
    const matrices = Object.entries(weightsOf(student)).filter(([, { shape }]) => shape.length >= 2);
    for (const tower of ['images', 'texts'] as const) {
      const read = matrices.filter(([name]) => predictor[tower].reads(name));
      const places = new Set(read.map(([name]) => predictor[tower].placeOf(name)));
      expect(places.size).toBeGreaterThan(2);
      const whole = await predictor[tower].of(student);
      for (const [name, { shape, data }] of read.toSpliced(6, read.length - 12)) {
        const value = { shape, data: Float32Array.from(data, (x, i) => x + 0.02 * Math.sin(i)) };
        const changed = await predictor[tower].changed(name, value, student);
        expect(difference(changed, whole), name).toBeGreaterThan(1e-4);
        expect(difference(changed, await predictor[tower].of(withWeights(student, { [name]: value })))).toBeLessThan(
          1e-5,
        );
      }
    }
    await predictor.dispose();
  });
});

describe('quantizeModel', () => {
  let out: string;
  let result: QuantizeModelResult;
  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), 'promptkd-quantize-'));
    result = await quantizeModel({ model: student, dataset, out, images: 40, sensitivity: true, tune: 0 });
  });
  afterAll(() => rm(out, { recursive: true }));

  it('writes a checkpoint that loads as any other, and is small', async () => {
    const again = await loadCheckpoint(out);
    const prompts = await loadPrompts(out);
    expect(prompts).toEqual(student.prompts);
    expect(again.params['vision_model.post_layernorm.weight']).toEqual(
      checkpoint.params['vision_model.post_layernorm.weight'],
    );
    const name = 'vision_model.encoder.layers.1.mlp.fc1.weight';
    const [before, after] = [checkpoint.params[name]!.data, again.params[name]!.data];
    expect(difference(after, before)).toBeGreaterThan(1e-4);
    expect(new Set(after.slice(0, 64)).size).toBeLessThanOrEqual(16);
    const bias = name.replace('weight', 'bias');
    expect(difference(again.params[bias]!.data, checkpoint.params[bias]!.data)).toBeGreaterThan(1e-5);
    expect(result.mixture[name]).toBe('nf4');
    expect(result.mixture['vision_model.encoder.layers.0.self_attn.q_proj.weight']).toBe('fp8');
    expect(result.mixture['vision_model.encoder.layers.2.mlp.fc2.weight']).toBe('fp8');
    expect(result.mixture['text_projection.weight']).toBe('fp8');
    expect(result.bytes.quantized).toBeLessThan(0.7 * result.bytes.fp32);
    const { size } = await stat(join(out, quantizedFile));
    expect(size).toBeLessThan(result.bytes.quantized + 20_000); // names and shapes
    const record = JSON.parse(await readFile(join(out, 'quantization.json'), 'utf8'));
    expect(record.mixture).toEqual(result.mixture);
  });

  it.each([
    ['bnb4', 1e-3], // the checkpoint's own values
    ['q4', 0.5], // others, from the float32 student
    ['q8', 0.1],
  ] as const)('writes ONNX files that Transformers.js loads as %s', async (dtype, tolerance) => {
    env.allowRemoteModels = false;
    env.localModelPath = `${dirname(out)}/`;
    const samples = samplesFor(student, names);
    const own = { ...(await loadCheckpoint(out)), prompts: await loadPrompts(out) };
    const engine = await engineEmbeds(dtype === 'bnb4' ? own : student, samples);
    const vision = await CLIPVisionModelWithProjection.from_pretrained(basename(out), { dtype });
    const text = await CLIPTextModelWithProjection.from_pretrained(basename(out), { dtype });
    const { data: pixels, shape } = samples.pixels;
    const { image_embeds } = await vision({ pixel_values: new Tensor('float32', pixels, [...shape]) });
    const ids = BigInt64Array.from(samples.ids.data, BigInt);
    const { text_embeds } = await text({ input_ids: new Tensor('int64', ids, [...samples.ids.shape]) });
    await Promise.all([vision.dispose(), text.dispose()]);
    expect(difference(image_embeds.data, engine.image!.data)).toBeLessThan(tolerance);
    expect(difference(text_embeds.data, engine.text!.data)).toBeLessThan(tolerance);
  });

  it.each(mixtures)(
    'stores linear layers as %s, in the checkpoint and in the file of its own codes',
    async (scheme) => {
      const out = await mkdtemp(join(tmpdir(), 'promptkd-quantize-scheme-'));
      const { variants } = await quantizeModel({
        model: student,
        dataset,
        out,
        scheme,
        rounding: 'nearest',
        images: 12,
      });
      const rounds = scheme.startsWith('int');
      // Activations rounded to 8 bits show, and shift embeddings by little.
      expect(variants.bnb4!.difference).toBeLessThan(rounds ? 0.1 : 1e-4);
      if (rounds) expect(variants.bnb4!.difference).toBeGreaterThan(1e-3);
      const { quantized } = readQuantized(join(out, quantizedFile));
      expect(quantized['vision_model.encoder.layers.1.mlp.fc1.weight']!.scheme).toBe(scheme);
      await rm(out, { recursive: true });
    },
  );

  it('measures every matrix alone; eight bits cost less than four', () => {
    const { sensitivity = [] } = result;
    const matrices = Object.values(weightsOf(student)).filter(({ shape }) => shape.length >= 2);
    expect(sensitivity).toHaveLength(3 * matrices.length);
    const mean = (scheme: string) => {
      const kls = sensitivity.filter((s) => s.scheme === scheme).map(({ kl }) => kl);
      return kls.reduce((a, b) => a + b, 0) / kls.length;
    };
    expect(mean('fp8')).toBeGreaterThan(0);
    expect(mean('fp8')).toBeLessThan(mean('nf4'));
  });

  it('chooses a mixture within a budget, and the smallest that still does', async () => {
    const path = greedyPath(student, result.sensitivity!);
    expect(path.bytes[0]).toBe(result.bytes.fp32);
    expect(path.bytes.every((bytes, i) => i === 0 || bytes < path.bytes[i - 1]!)).toBe(true);
    const at = 7;
    expect(withinBudget(path, path.bytes[at]!)).toEqual(path.mixtures[at]);
    // What the last step saves beyond the budget goes back to weights that need it most.
    const large = path.bytes.findIndex((bytes, i) => i > 4 && path.bytes[i - 1]! - bytes > 400);
    const budget = path.bytes[large - 1]! - 1;
    const within = withinBudget(path, budget);
    expect(weightBytes(student, within)).toBeLessThanOrEqual(budget);
    expect(weightBytes(student, within)).toBeGreaterThan(path.bytes[large]!);
    const cost = (mixture: Mixture) =>
      result.sensitivity!.reduce((sum, s) => sum + (mixture[s.name] === s.scheme ? s.kl : 0), 0);
    expect(cost(within)).toBeLessThan(cost(path.mixtures[large]!));
    expect(() => withinBudget(path, 100)).toThrow(/budget: expected at least [\d,]+ bytes, .*got 100/);
    const found = await smallestThatDoes(path, async (mixture) => path.mixtures.indexOf(mixture) <= 11);
    expect(found).toBe(path.mixtures[11]);
  });

  it('takes the place of an earlier result when all is made, and leaves nothing when it fails', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'promptkd-quantize-again-'));
    const quick = { model: student, dataset, rounding: 'nearest', images: 12 } as const;
    const stopped = new AbortController();
    const failing = (out: string) =>
      quantizeModel({
        ...{ ...quick, out, scheme: 'int8', signal: stopped.signal },
        onProgress: (phase, done) => phase === 'onnx' && done === 1 && stopped.abort(),
      });
    const fresh = join(folder, 'a', 'b');
    await expect(failing(fresh)).rejects.toThrow(/abort/);
    expect(await readdir(folder)).toEqual([]);

    const { files } = await quantizeModel({ ...quick, out: fresh });
    expect(await listed(fresh)).toEqual([...files, fileList].sort());
    await writeFile(join(fresh, 'notes.txt'), 'mine');
    const before = await readFile(join(fresh, quantizedFile));
    await expect(failing(fresh)).rejects.toThrow(/abort/);
    expect(await listed(fresh)).toEqual([...files, fileList, 'notes.txt'].sort());
    expect(await readFile(join(fresh, quantizedFile))).toEqual(before);

    const bare = { model: checkpoint, scheme: 'fp8', dtypes: ['q8'] } as const;
    const other = await quantizeModel({ ...quick, ...bare, out: fresh });
    expect(other.files.length).toBeLessThan(files.length);
    expect(await listed(fresh)).toEqual([...other.files, fileList, 'notes.txt'].sort());
    expect(await readFile(join(fresh, quantizedFile))).not.toEqual(before);
    await rm(join(fresh, 'quantization.json'));
    await expect(quantizeModel({ ...quick, out: fresh })).rejects.toThrow(
      /quantized\.safetensors: without quantization\.json beside it, it is not replaced/,
    );
    await rm(folder, { recursive: true });
  });

  it('refuses a folder that holds another checkpoint, and a model of another kind', async () => {
    const other = await mkdtemp(join(tmpdir(), 'promptkd-quantize-other-'));
    await saveCheckpoint(other, checkpoint);
    await expect(quantizeModel({ model: student, dataset, out: other })).rejects.toThrow(/another checkpoint/);
    expect(existsSync(join(other, quantizedFile))).toBe(false);
    // Its configuration says other widths than the quantised weights have.
    const { config } = checkpoint;
    const deeper = { ...config, vision_config: { ...config.vision_config, num_hidden_layers: 4 } };
    await rm(other, { recursive: true });
    await saveDescription(other, { ...checkpoint, config: deeper });
    await copyFile(join(out, quantizedFile), join(other, quantizedFile));
    await expect(loadCheckpoint(other)).rejects.toThrow(/the weights do not fit the config: missing vision_model/);
    await rm(other, { recursive: true });
  });
});
