import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Checkpoint } from '../../clip/checkpoint/checkpoint.js';
import { parseClipConfig } from '../../clip/config.js';
import { clipPreprocess } from '../../clip/preprocess/preprocess-config.js';
import { initClip } from '../../clip/towers/initialise.js';
import type { Example, ImageTextDataset } from '../../data/index.js';
import { embedImages, embedTexts } from '../../evaluate/index.js';
import { readSafetensors } from '../../files/index.js';
import { loadTowerModel } from '../../model/index.js';
import type { Params } from '../../nn/index.js';
import { compileOptions, config, dataset, otherTokenizer, recipe, teacher } from '../../test/colours.fixture.js';
import { distill } from '../distill.js';
import { planDistill } from '../plan.js';
import type { DistillOptions } from '../prepare.js';
import { adaptorNames, withAdaptor } from './adaptors.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-teachers-'));
});
afterAll(() => rmSync(root, { recursive: true }));

/** Of another width, patch, image size, joint space, tokenizer, vocabulary and preprocessing. */
const tower = { hidden_size: 16, intermediate_size: 32, num_hidden_layers: 3, num_attention_heads: 2 };
const otherConfig = parseClipConfig({
  projection_dim: 8,
  text_config: {
    ...tower,
    vocab_size: otherTokenizer.vocabSize,
    max_position_embeddings: 30,
    bos_token_id: otherTokenizer.startId,
    eos_token_id: otherTokenizer.endId,
  },
  vision_config: { ...tower, image_size: 24, patch_size: 8 },
});
const other: Checkpoint = {
  config: otherConfig,
  params: initClip(otherConfig, 9),
  preprocess: { ...clipPreprocess(24), mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  tokenizer: otherTokenizer,
};
const third: Checkpoint = { ...teacher, params: initClip(config, 77) };

const held = dataset.splits.train!.slice(0, 6).map((example) => ({ ...example, id: `${example.id}h` }));
const data: ImageTextDataset = { ...dataset, splits: { ...dataset.splits, val: held } };

const options = (name: string, more: object = {}, rest: Partial<DistillOptions> = {}): DistillOptions => ({
  ...{ teacher, others: [other], dataset: data, runDir: join(root, name), targetsDir: join(root, 'targets') },
  recipe: recipe(more),
  engine: compileOptions,
  ...rest,
});
/** The joint phase alone, without prompts: all losses, and one program. */
const short = {
  phases: { prompt: { steps: 0 }, joint: { steps: 3, lr: 3e-3 } },
  prompts: { enabled: false },
  checkpoint_every: 1,
};
const kd = { method: 'kd', kd: { steps: 2, both_ways: true } };
const flat = (params: Params) => Object.fromEntries(Object.entries(params).map(([n, x]) => [n, Array.from(x.data)]));
/** Content of all files below a folder. */
const filesOf = (dir: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const file = join(entry.parentPath, entry.name);
        return [file, readFileSync(file, 'base64')];
      }),
  );

describe('several teachers', () => {
  it('that differ in everything teach one student, and a stopped run resumes to the same bits', async () => {
    const more = {
      ...short,
      fusion: { rule: 'learned', drop: 0.5 },
      losses: { feature: { distance: 'cosine', standardize: 'phi-s' } },
    };
    const whole = await distill(options('whole', more));
    expect(whole.finished).toBe(true);
    expect(Object.keys(whole.history.at(-1)!.losses)).toEqual(
      expect.arrayContaining(['attention', 'feature', 'response', 'cross_modal']),
    );
    expect(whole.history.every(({ losses }) => Object.values(losses).every(Number.isFinite))).toBe(true);
    expect(whole.fusion).toMatchObject({ rule: 'learned', split: 'val', images: 6 });
    const controller = new AbortController();
    const part = await distill(
      options('parts', more, {
        signal: controller.signal,
        onProgress: ({ overall }) => void (overall === 2 && controller.abort()),
      }),
    );
    expect(part.finished).toBe(false);
    const rest = await distill(options('parts', more));
    expect(flat(rest.student.params)).toEqual(flat(whole.student.params));
  });

  it('have a store each, and one that is added later leaves the others as they are', async () => {
    const targetsDir = join(root, 'added');
    await distill(options('alone', kd, { others: [], targetsDir }));
    const alone = filesOf(targetsDir);
    await distill(options('two', kd, { targetsDir }));
    const two = filesOf(targetsDir);
    expect(two).toMatchObject(alone); // the first is where it was
    await distill(options('three', { ...kd, fusion: { rule: 'agreement' } }, { others: [other, third], targetsDir }));
    expect(filesOf(targetsDir)).toMatchObject(two);
    expect(readdirSync(targetsDir, { withFileTypes: true }).filter((entry) => entry.isDirectory())).toHaveLength(2);
  });

  it('each rule gives another student out of the same stores, without a pass of a teacher', async () => {
    const before = filesOf(join(root, 'targets'));
    const students = [];
    for (const fusion of [
      { rule: 'equal' },
      { rule: 'confidence' },
      { rule: 'validated' },
      { rule: 'adaptive' },
      { rule: 'confidence', floor: 0.5 },
    ]) {
      const extracted: string[] = [];
      const { student } = await distill(
        options(
          `rule-${students.length}`,
          { ...kd, fusion },
          {
            onProgress: ({ phase, step }) => void (step > 0 && extracted.push(phase)),
          },
        ),
      );
      expect(extracted.filter((phase) => phase === 'teacher targets')).toEqual([]);
      students.push(JSON.stringify(flat(student.params)));
    }
    // A floor of a half leaves nothing to the rule: it is the equal mix.
    expect(students[4]).toBe(students[0]);
    expect(new Set(students).size).toBe(4);
    expect(filesOf(join(root, 'targets'))).toEqual(before);
  });

  it('without labels temperatures are matched, and class texts may be a teacher’s own', async () => {
    const { fusion } = await distill(
      options('unlabelled', {
        ...kd,
        fusion: { rule: 'entropy', held_out: 'none', measured_on: 'none' },
        teachers: [{}, { templates: ['{} stripes', '{}'], classes: ['red', 'green'] }],
      }),
    );
    expect(fusion).toBeUndefined();
  });

  it('a plan counts every teacher’s store, and needs no held-out images', async () => {
    const targetsDir = join(root, 'planned');
    // A plan's sample has no labels, by which these images are made.
    const byName = (id: string) => data.classes.findIndex(({ name }) => id.startsWith(name));
    const drawn = { ...data, load: (one: Example) => data.load({ ...one, label: byName(one.id) }) };
    const fusion = { rule: 'validated' };
    const teachers = [{ classes: ['red', 'green'] }, {}];
    const plans = [
      await planDistill(
        options('plan', { ...short, fusion, teachers, texts: { classes_per_step: 1 } }, { targetsDir, dataset: drawn }),
      ),
      await planDistill(options('plan', short, { targetsDir, dataset: drawn, others: [] })),
      await planDistill(options('plan', short, { targetsDir, dataset: drawn, teacher: other, others: [] })),
    ];
    const [both, first, second] = plans.map(({ files }) => files[0]!.bytes);
    expect(both).toBe(first! + second!);
    expect(existsSync(targetsDir)).toBe(false);
  });

  it('an adaptor a teacher is kept, which brings the student into that teacher’s joint space', async () => {
    expect(existsSync(join(root, 'alone', 'student', 'adaptors.safetensors'))).toBe(false);
    const student = await loadTowerModel(join(root, 'whole'), 'test');
    expect(adaptorNames(student.source!.folder)).toEqual({ 1: 'teacher 1', 2: 'teacher 2' });
    const adapted = withAdaptor(student, '2', other);
    expect(adapted.config.projection_dim).toBe(8);
    const { tensors } = readSafetensors(join(student.source!.folder, 'adaptors.safetensors'));
    const map = tensors['2.image']!;

    const images = await embedImages(student, data, held);
    const seen = await embedImages(adapted, data, held);
    for (let i = 0; i < held.length; i++) {
      const mapped = Array.from({ length: 8 }, (_, t) =>
        Array.from({ length: 12 }, (__, p) => images.rows.data[i * 12 + p]! * map.data[p * 8 + t]!).reduce(
          (a, b) => a + b,
          0,
        ),
      );
      const length = Math.hypot(...mapped);
      for (const [t, x] of mapped.entries()) expect(seen.rows.data[i * 8 + t]).toBeCloseTo(x / length, 4);
    }
    // Texts are the teacher's own.
    expect([...(await embedTexts(adapted, ['a red thing'])).data]).toEqual([
      ...(await embedTexts(other, ['a red thing'])).data,
    ]);
    expect(() => withAdaptor(student, '2', teacher)).toThrow('the student was taught by another model');
    expect(() => withAdaptor(student, 'none', other)).toThrow('expected one of 1 (teacher 1), 2 (teacher 2)');
  });
});
