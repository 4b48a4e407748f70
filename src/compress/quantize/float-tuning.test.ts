import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelWeights } from '../../model/weights.js';
import { dataset, teacher } from '../../test/colours.fixture.js';
import { difference } from '../verify.js';
import { type Calibration, loadCalibration } from './calibration.js';
import { type TunedStudent, tuneFloats } from './float-tuning.js';
import { quantizeModel } from './index.js';
import { mixtureOf } from './mixture.js';
import { meanKl, Predictor } from './predictor.js';
import { type QuantizedStudent, quantizeStudent } from './quantize.js';

const student = teacher;

describe('tuning what stays float32', () => {
  let calibration: Calibration;
  let predictor: Predictor;
  let rounded: QuantizedStudent;
  let tuned: TunedStudent;
  beforeAll(async () => {
    calibration = await loadCalibration(student, dataset);
    predictor = await Predictor.create(student, calibration);
    rounded = await quantizeStudent(student, mixtureOf(student), { rounding: 'nearest' });
    tuned = await tuneFloats(student, rounded, calibration, predictor, { steps: 100 });
  });
  afterAll(() => predictor.dispose());

  it('comes nearer to the float32 answers on images that it was not tuned on', async () => {
    expect(tuned.kl.after).toBeLessThan(0.7 * tuned.kl.before);
    const [own, before, after] = await Promise.all(
      [student, rounded.student, tuned.student].map(async (s) => predictor.predict(await predictor.embeds(s), s)),
    );
    expect(meanKl(own!, after!)).toBeLessThan(0.7 * meanKl(own!, before!));
  });

  it('moves norms and biases of both towers, and no code or scale', () => {
    expect(tuned.tensors).toEqual(rounded.tensors);
    const [was, is] = [modelWeights(rounded.student), modelWeights(tuned.student)];
    for (const name of Object.keys(rounded.tensors)) expect(is[name]!.data).toEqual(was[name]!.data);
    for (const name of ['vision_model.post_layernorm.weight', 'text_model.encoder.layers.0.mlp.fc1.bias']) {
      expect(difference(is[name]!.data, was[name]!.data)).toBeGreaterThan(1e-4);
    }
  });

  it('stays as it was rounded where there is nothing to see by, or it came no nearer', async () => {
    const one = await loadCalibration(student, dataset, { images: 1 });
    const alone = await Predictor.create(student, one);
    const same = await tuneFloats(student, rounded, one, alone, { steps: 5 });
    await alone.dispose();
    expect(same.student).toBe(rounded.student);
    const exact = { student, tensors: {} };
    const kept = await tuneFloats(student, exact, calibration, predictor, { steps: 5 });
    expect(kept.student).toBe(student);
    expect(kept.kl).toEqual({ before: 0, after: 0 });
  });

  it('stops where it is told to', async () => {
    const stop = new AbortController();
    const onProgress = (done: number) => done === 3 && stop.abort(new Error('enough'));
    await expect(
      tuneFloats(student, rounded, calibration, predictor, { steps: 50, signal: stop.signal, onProgress }),
    ).rejects.toThrow('enough');
  });

  it('is part of the default rounding alone, and recorded', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'promptkd-tuning-'));
    const few = { model: student, dataset, images: 8, dtypes: [] } as const;
    const made = await quantizeModel({ ...few, out: join(folder, 'default') });
    expect(made.tuned!.steps).toBe(300);
    const record = JSON.parse(await readFile(join(folder, 'default', 'quantization.json'), 'utf8'));
    expect(record.tuned).toEqual(made.tuned);
    expect((await quantizeModel({ ...few, out: join(folder, 'none'), tune: 0 })).tuned).toBeUndefined();
    expect((await quantizeModel({ ...few, out: join(folder, 'near'), rounding: 'nearest' })).tuned).toBeUndefined();
    const tuned = await quantizeModel({ ...few, out: join(folder, 'both'), rounding: 'nearest', tune: 20 });
    expect(tuned.tuned!.steps).toBe(20);
    await rm(folder, { recursive: true });
  });
});
