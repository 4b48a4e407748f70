import { copyFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Checkpoint, loadCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { loadOnnxPair, OnnxPair } from '../clip/checkpoint/onnx-pair.js';
import { tokenizeAll } from '../clip/tokenizer/tokenize-all.js';
import { distill } from '../distill/distill.js';
import type { DistillOptions } from '../distill/prepare.js';
import { ensureTargets } from '../distill/targets/extract-targets.js';
import { loadTeacher, type TeacherModel, teacherOf } from '../distill/teacher/teacher.js';
import { evaluateModel } from '../evaluate/evaluate.js';
import { fileList } from '../files/index.js';
import { loadModel } from '../model/load.js';
import type { Model } from '../model/model.js';
import { compileOptions, dataset, recipe, teacher } from '../test/colours.fixture.js';
import { exportModel } from './index.js';
import { difference } from './verify.js';

let root = '';
let exported = '';
let pair: OnnxPair;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-onnx-teacher-'));
  exported = join(root, 'exported');
  await exportModel({ model: teacher, out: exported });
  await rm(join(exported, fileList)); // as of other exporters
  pair = (await loadTeacher(join(exported, 'onnx'), { threads: 1 })) as OnnxPair;
});
afterAll(async () => {
  await pair.dispose();
  await rm(root, { recursive: true });
});

describe('an ONNX pair as teacher', () => {
  it('gives the targets of the checkpoint it was exported from', async () => {
    const targets = async (model: TeacherModel, name: string) => {
      const { augment, seed } = recipe();
      const store = await ensureTargets({
        ...{
          teacher: teacherOf(model, { compile: compileOptions }),
          dataset,
          examples: dataset.splits.train!,
          views: 2,
          augment,
          seed,
        },
        ...{ hidden: [], attention: [], dir: join(root, name) },
      });
      const { bytes } = store.layout;
      const embeds = Array.from({ length: store.records }, (_, i) => {
        const record = new Uint8Array(bytes);
        store.read(i, record);
        return [...store.layout.embed(record)];
      });
      store.close();
      return embeds.flat();
    };
    const [engine, onnx] = [await targets(teacher, 'engine'), await targets(pair, 'onnx')];
    expect(engine).toHaveLength(24 * 12);
    expect(difference(onnx, engine)).toBeLessThan(1e-4);

    const texts = tokenizeAll(teacher.tokenizer, ['a red thing', 'a drawing of a green thing', 'gold'], 12);
    const read = (model: TeacherModel) => teacherOf(model, { compile: compileOptions }).texts(texts, false);
    const [words, same] = [await read(teacher), await read(pair)];
    expect(difference(same.embeds, words.embeds)).toBeLessThan(1e-4);
    expect(teacherOf(pair).params.logit_scale!.data[0]).toBe(teacher.params.logit_scale!.data[0]);
    await expect(targets(pair, 'engine')).rejects.toThrow('made from something else (teacher was');
  });

  it('distils by responses and final embeddings, and says what must be switched off', async () => {
    const run = (name: string, more: object): Promise<unknown> => {
      const phases = { warmup: { steps: 1 }, prompt: { steps: 1 }, joint: { steps: 2 } };
      const options: DistillOptions = {
        teacher: pair,
        dataset,
        recipe: recipe({ phases, ...more }),
        runDir: join(root, name),
      };
      return distill({ ...options, engine: compileOptions });
    };
    await expect(run('all', {})).rejects.toThrow(
      /^teacher: .* embeddings alone, .*: set losses.attention.enabled=false, losses.cross_modal.enabled=false, losses.layers=none, student.init=random \(or given\)$/,
    );
    const off = { attention: { enabled: false }, cross_modal: { enabled: false }, layers: 'none' };
    const { student } = recipe();
    await run('some', { losses: off, student: { ...student, init: 'random' } });
    const made = await loadCheckpoint(join(root, 'some', 'student'));
    expect(made.config.text_config.vocab_size).toBe(teacher.tokenizer.vocabSize);
    expect(made.config.vision_config).toMatchObject({ image_size: 16, hidden_size: 12 });
    await run('kd', { method: 'kd', kd: { steps: 2 } });
  });

  it('is measured as the checkpoint it was exported from', async () => {
    const measure = async (model: Model) => {
      const { zeroShot, retrieval, predictions, ...size } = await evaluateModel(model, dataset, {
        ...{ split: 'train', latencyRuns: 2, threads: 1 },
      });
      const answers = predictions.map(({ id, top }) => [id, top[0]!.label]);
      return { figures: { zeroShot, retrieval, answers }, size };
    };
    const measured = await loadModel(join(exported, 'onnx'), { threads: 1 });
    if (!measured.encoders) throw new Error('expected a pair');
    const [engine, onnx] = [await measure(await loadModel(exported)), await measure(measured)];
    await measured.encoders.dispose();
    expect(onnx.figures).toEqual(engine.figures);
    expect(onnx.size).toMatchObject({ images: 12, latency: { runs: 2 } });
    expect(onnx.size.params).toBeUndefined();
    expect(onnx.size.bytes).toBeGreaterThan(engine.size.params! * 4 - 10);
  });

  it('is chosen where a folder has no weights, with the factor that CLIP’s training ends at', async () => {
    expect(await loadTeacher(exported)).not.toBeInstanceOf(OnnxPair);
    expect(((await loadTeacher(exported)) as Checkpoint).params.logit_scale).toEqual(teacher.params.logit_scale);
    await rename(join(exported, 'model.safetensors'), join(root, 'kept'));
    const alone = await loadTeacher(exported);
    await rename(join(root, 'kept'), join(exported, 'model.safetensors'));
    expect(alone).toBeInstanceOf(OnnxPair);
    expect((alone as OnnxPair).logitScale).toBeCloseTo(Math.log(100), 10);
    await (alone as OnnxPair).dispose();
  });

  it.each([
    ['vision_model.onnx', 'text_model.onnx', /vision_model.onnx: expected no input but pixel_values, got input_ids/],
    ['text_model.onnx', undefined, /text_model.onnx: expected an ONNX model that can be run/],
  ])('is refused where %s is something else', async (name, other, sentence) => {
    const onnx = (file: string) => join(exported, 'onnx', file);
    await copyFile(onnx(name), join(root, name));
    if (other) await copyFile(onnx(other), onnx(name));
    else await writeFile(onnx(name), 'no model');
    await expect(loadOnnxPair(exported)).rejects.toThrow(sentence);
    await copyFile(join(root, name), onnx(name));
  });
});
