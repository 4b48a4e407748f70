import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadCheckpoint } from '../../clip/checkpoint/checkpoint.js';
import { quantizedFile } from '../../clip/checkpoint/weight-files.js';
import { compileOptions, dataset, recipe, teacher } from '../../test/colours.fixture.js';
import { readQuantized } from '../../weight-formats/file.js';
import { dequantize } from '../../weight-formats/quantized.js';
import { checkpoint, promptsFor } from '../student.fixture.js';
import { difference } from '../verify.js';
import { loadCalibration } from './calibration.js';
import { Finetuner } from './finetune.js';
import { type QuantizeModelResult, quantizeModel } from './index.js';
import { mixtureFor, mixtureOf, weightsOf } from './mixture.js';
import { measureMoments } from './moments.js';
import { quantizeStudent } from './quantize.js';

/** The teacher itself as the student: whatever parts them is rounding. */
const student = teacher;
const options = { steps: 60, learningRate: 1e-3, teacher, dataset, recipe: recipe(), compile: compileOptions };

describe('fine-tuning in few bits', () => {
  let folder: string;
  let result: QuantizeModelResult;
  let plain: QuantizeModelResult;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'promptkd-finetune-'));
    const few = { images: 12, rounding: 'nearest', dtypes: ['bnb4', 'q4'] } as const;
    const [both, out] = [{ model: student, dataset, ...few }, join(folder, 'tuned')];
    result = await quantizeModel({ ...both, out, finetune: { ...options, targetsDir: join(folder, 'targets') } });
    plain = await quantizeModel({ ...both, out: join(folder, 'plain') });
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('comes nearer to the teacher than plain rounding, on batches and on the calibration', () => {
    const { before, after, steps } = result.finetuned!;
    expect(steps).toBe(60);
    expect(before).toBeGreaterThan(0);
    expect(after).toBeLessThan(0.5 * before);
    expect(result.calibration.kl).toBeLessThan(0.7 * plain.calibration.kl);
    expect(result.bytes).toEqual(plain.bytes);
  });

  it('saves exactly the rounded values, on the scales that it began with', async () => {
    const saved = (name: string) => readQuantized(join(folder, name, quantizedFile)).quantized;
    const [tuned, rounded] = [saved('tuned'), saved('plain')];
    expect(Object.keys(tuned)).toEqual(Object.keys(rounded));
    const { params } = await loadCheckpoint(join(folder, 'tuned'));
    let moved = 0;
    for (const [name, tensor] of Object.entries(tuned)) {
      expect(tensor.scales).toEqual(rounded[name]!.scales);
      expect(params[name]).toEqual(dequantize(tensor));
      moved += tensor.codes.filter((code, i) => code !== rounded[name]!.codes[i]).length;
    }
    expect(moved).toBeGreaterThan(100);
    const norm = 'vision_model.post_layernorm.weight';
    expect(difference(params[norm]!.data, teacher.params[norm]!.data)).toBeGreaterThan(1e-5);
    const record = JSON.parse(await readFile(join(folder, 'tuned', 'quantization.json'), 'utf8'));
    expect(record.finetuned).toEqual(result.finetuned);
  });

  it('tunes the evenly spaced 4-bit variant too', async () => {
    const tuner = await Finetuner.create(student, options);
    const { loss } = await tuner.tune(await quantizeStudent(student, mixtureFor('q4', mixtureOf(student))));
    await tuner.dispose();
    expect(loss.after).toBeLessThan(0.5 * loss.before);
    const file = (name: string) => readFile(join(folder, name, 'onnx/text_model_q4.onnx'));
    expect((await file('tuned')).equals(await file('plain'))).toBe(false);
  });

  it('leaves the student that it was given as it was, and a stopped run throws', async () => {
    const before = structuredClone(weightsOf(student));
    const controller = new AbortController();
    const onStep = (done: number) => {
      if (done === 3) controller.abort(new Error('stopped'));
    };
    const tuner = await Finetuner.create(student, { ...options, signal: controller.signal, onStep });
    const rounded = await quantizeStudent(student, mixtureOf(student));
    await expect(tuner.tune(rounded)).rejects.toThrow('stopped');
    await tuner.dispose();
    expect(weightsOf(student)).toEqual(before);
  });

  it('moves vision prompts, and a prompt encoder in four bits', async () => {
    const prompted = { ...checkpoint, prompts: promptsFor(2) };
    const name = 'prompt_encoder.text_heads.0.weight';
    const rounded = await quantizeStudent(prompted, { ...mixtureOf(prompted), [name]: 'nf4' });
    const tuner = await Finetuner.create(prompted, { ...options, steps: 10 });
    const tuned = await tuner.tune(rounded);
    await tuner.dispose();
    expect(tuned.loss.after).toBeLessThan(tuned.loss.before);
    const { encoder, vision } = tuned.student.prompts!;
    expect(difference(vision['vision.1']!.data, prompted.prompts.vision['vision.1']!.data)).toBeGreaterThan(1e-5);
    expect(encoder!['text_heads.0.weight']).toEqual(dequantize(tuned.tensors[name]!));
    expect(tuned.tensors[name]!.codes).not.toEqual(rounded.tensors[name]!.codes);
  });

  it('begins where GPTQ rounded to', async () => {
    const calibration = await loadCalibration(student, dataset, { images: 12 });
    const moments = await measureMoments(student, calibration);
    const rounded = await quantizeStudent(student, mixtureOf(student), { rounding: 'gptq', moments });
    const tuner = await Finetuner.create(student, { ...options, steps: 1, learningRate: 1e-9 });
    const { tensors } = await tuner.tune(rounded);
    await tuner.dispose();
    expect(tensors).toEqual(rounded.tensors);
  });

  it('leaves what it would make worse', async () => {
    const rounded = await quantizeStudent(student, mixtureOf(student));
    const tuner = await Finetuner.create(student, { ...options, steps: 2, learningRate: 10 });
    const tuned = await tuner.tune(rounded);
    await tuner.dispose();
    expect(tuned.loss.after).toBe(tuned.loss.before);
    expect(tuned.student).toBe(rounded.student);
  });

  it('refuses targets of another teacher', async () => {
    const other = { ...teacher, params: { ...teacher.params, logit_scale: { shape: [], data: Float32Array.of(1) } } };
    const targetsDir = join(folder, 'targets');
    await expect(Finetuner.create(student, { ...options, teacher: other, targetsDir })).rejects.toThrow(
      /targets: these teacher targets were made from something else/,
    );
    expect(existsSync(targetsDir)).toBe(true);
  });

  it('keeps targets of its own only while it runs', async () => {
    const temporary = await mkdtemp(join(folder, 'tmp-'));
    vi.stubEnv('TMPDIR', temporary);
    try {
      const tuner = await Finetuner.create(student, options);
      expect(await readdir(temporary)).toHaveLength(1);
      await tuner.dispose();
      expect(await readdir(temporary)).toHaveLength(0);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
