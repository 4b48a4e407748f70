import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Checkpoint,
  clipPreprocess,
  initClip,
  parseClipConfig,
  textTower,
  tokenizerFromJson,
  trainTokenizer,
  visionTower,
} from '../clip/index.js';
import type { Example, ImageTextDataset } from '../data/index.js';
import { type Params, paramFeeds, paramInputs } from '../nn/index.js';
import { initPromptEncoder, loadPrompts, promptedTextEmbeds } from '../prompt/index.js';
import { compile } from '../runtime/index.js';
import { input } from '../tensor/index.js';
import { headAverage } from './attention-loss.js';
import { Batches } from './batches.js';
import { type DistillOptions, distill } from './distill.js';
import { initHeads } from './dual-stream.js';
import { dualStreamTask } from './dual-stream-task.js';
import { ensureTargets, recordIndex } from './extract-targets.js';
import { mapLayers } from './layer-map.js';
import { phasesOf } from './phases.js';
import { distillRecipe } from './recipe.js';
import { promptConfig, startStudent } from './student.js';
import { buildTextBank, listTexts } from './text-bank.js';

const compileOptions = { threads: 1 };
const colours: Record<string, number[]> = {
  red: [230, 30, 30],
  green: [30, 200, 60],
  blue: [30, 60, 220],
  grey: [120, 120, 120],
  gold: [220, 180, 20],
};
const names = Object.keys(colours);

const dataset: ImageTextDataset = {
  name: 'colours',
  classes: names.map((name) => ({ name, novel: name === 'gold' })),
  splits: { train: examples(3) },
  load: async ({ id, label }) => {
    const shade = id.length % 3;
    const data = new Uint8Array(16 * 16 * 3).map((_, i) => (i % 5 === shade ? 255 : colours[names[label]!]![i % 3]!));
    return { width: 16, height: 16, channels: 3, data };
  },
  fingerprint: 'colours-1',
  skipped: [],
};

function examples(each: number): Example[] {
  return names.slice(0, 4).flatMap((name, label) =>
    Array.from({ length: each }, (_, i) => ({
      id: `${name}-${'x'.repeat(i)}`,
      label,
      captions: i === 2 ? [] : [`${name} stripes`, `a ${name} thing`],
    })),
  );
}

const tokenizer = tokenizerFromJson(
  trainTokenizer(
    names.map((n) => `a drawing of ${n} stripes thing`),
    540,
  ),
);
const tower = { hidden_size: 24, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 2 };
const config = parseClipConfig({
  projection_dim: 12,
  text_config: {
    ...tower,
    vocab_size: tokenizer.vocabSize,
    max_position_embeddings: 12,
    bos_token_id: tokenizer.startId,
    eos_token_id: tokenizer.endId,
  },
  vision_config: { ...tower, image_size: 16, patch_size: 4 },
});
const teacher: Checkpoint = { config, params: initClip(config, 4), preprocess: clipPreprocess(16), tokenizer };

const small = { hidden_size: 12, intermediate_size: 24, num_attention_heads: 2 };
const recipe = (more: object = {}) =>
  distillRecipe.parse({
    batch: 6,
    views: 2,
    student: { vision: { ...small, num_hidden_layers: 2, patch_size: 8 }, text: { ...small, num_hidden_layers: 1 } },
    texts: { classes_per_step: 3 },
    prompts: { width: 8, heads: 2, intermediate_size: 16 },
    phases: {
      warmup: { steps: 4, lr: 3e-3, losses: ['feature', 'response'] },
      prompt: { steps: 3, lr: 3e-3 },
      joint: { steps: 5, lr: 3e-3 },
    },
    checkpoint_every: 2,
    ...more,
  });

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-distill-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const options = (name: string, more: Partial<DistillOptions> = {}): DistillOptions => ({
  teacher,
  dataset,
  recipe: recipe(),
  runDir: join(root, name),
  targetsDir: join(root, 'targets'),
  compile: compileOptions,
  ...more,
});

const flat = (params: Params) => Object.fromEntries(Object.entries(params).map(([n, x]) => [n, Array.from(x.data)]));

describe('distill', () => {
  it('goes through its phases with all losses, and a stopped run resumes to the same bits', async () => {
    const before = flat(teacher.params);
    const phases: string[] = [];
    const whole = await distill(
      options('whole', {
        onStep: ({ phase, overall, overallSteps }) => void phases.push(`${phase} ${overall}/${overallSteps}`),
      }),
    );
    expect(phases).toHaveLength(12);
    expect([phases[0], phases[4], phases[11]]).toEqual(['warmup 1/12', 'prompt 5/12', 'joint 12/12']);
    expect(whole).toMatchObject({ finished: true, imagesSeen: 72 });
    expect(Object.keys(whole.history.at(-1)!.losses).sort()).toEqual([
      'attention',
      'cross_modal',
      'feature',
      'response',
      'total',
    ]);
    expect(Object.keys(whole.history[0]!.losses).sort()).toEqual(['feature', 'response', 'total']);
    expect(flat(teacher.params)).toEqual(before);

    for (const stop of [2, 6, 9]) {
      const controller = new AbortController();
      const part = await distill(
        options('parts', {
          signal: controller.signal,
          onStep: ({ overall }) => void (overall === stop && controller.abort()),
        }),
      );
      expect(part.finished).toBe(false);
    }
    const rest = await distill(options('parts'));
    expect(flat(rest.student.params)).toEqual(flat(whole.student.params));
    expect(flat(rest.prompts!.encoder)).toEqual(flat(whole.prompts!.encoder));
    expect(flat(rest.prompts!.vision)).toEqual(flat(whole.prompts!.vision));
    expect(rest.history).toEqual(whole.history);

    const saved = (await loadPrompts(join(root, 'whole', 'student')))!;
    expect(saved.config).toEqual(whole.prompts!.config);
    expect(flat(saved.vision)).toEqual(flat(whole.prompts!.vision));
    const p = paramInputs(whole.student.params, 's/');
    const e = paramInputs(saved.encoder, 'e/');
    const embed = promptedTextEmbeds(
      p,
      whole.student.config,
      e,
      saved.config,
      input('ids', [1, 8], 'int32'),
      input('ends', [1], 'int32'),
    );
    const program = await compile({ outputs: { embed } }, compileOptions);
    const { ids, eos } = tokenizer.encode(['a gold thing'], 8);
    const feeds = {
      ...paramFeeds(whole.student.params, 's/'),
      ...paramFeeds(saved.encoder, 'e/'),
      ids: { shape: [1, 8], data: ids },
      ends: { shape: [1], data: eos },
    };
    expect([...(await program.run(feeds)).embed!.data].every(Number.isFinite)).toBe(true);
    await program.dispose();
  });

  it('learns: the losses fall', async () => {
    const { history } = await distill(
      options('learn', {
        recipe: recipe({
          phases: { warmup: { steps: 60, lr: 1e-2 }, prompt: { steps: 10, lr: 1e-3 }, joint: { steps: 60, lr: 3e-3 } },
        }),
      }),
    );
    const mean = (name: string, phase: string, from: number, to: number) => {
      const values = history
        .filter((h) => h.phase === phase)
        .slice(from, to)
        .map((h) => h.losses[name]!);
      return values.reduce((a, b) => a + b, 0) / values.length;
    };
    for (const name of ['feature', 'response'])
      expect(mean(name, 'joint', -8, 60), name).toBeLessThan(0.7 * mean(name, 'warmup', 0, 8));
  });

  it('distils logits alone on the same drawings, from the same stored targets', async () => {
    const { history, prompts, imagesSeen, parameters } = await distill(
      options('kd', {
        recipe: recipe({ method: 'kd', kd: { lr: 1e-2 }, phases: { joint: { steps: 40 }, prompt: { steps: 10 } } }),
      }),
    );
    expect(prompts).toBeUndefined();
    expect(imagesSeen).toBe(300);
    expect(history.at(-1)!.losses.response).toBeLessThan(history[0]!.losses.response!);
    expect(parameters).toBeGreaterThan(0);
  });

  it('spends the same drawings whatever is switched off', () => {
    const steps = (more: object) => phasesOf(recipe(more)).reduce((sum, p) => sum + p.steps, 0);
    expect(steps({ prompts: { enabled: false } })).toBe(12);
    expect(steps({ method: 'kd' })).toBe(12);
  });

  it('refuses targets of another teacher, and replaces them when asked', async () => {
    const other = { ...teacher, params: initClip(config, 9) };
    const make = () =>
      options('other', {
        teacher: other,
        recipe: recipe({ phases: { warmup: { steps: 1 }, prompt: { steps: 0 }, joint: { steps: 0 } } }),
      });
    await expect(distill(make())).rejects.toThrow('made from something else (teacher was');
    const kept = options('other', { ...make(), targetsDir: join(root, 'other-targets') });
    expect((await distill(kept)).finished).toBe(true);
  });
});

describe('the joint step', () => {
  it('has the gradient of its total, by central differences, and clips the feature part alone', async () => {
    const { task, batches } = await jointTask({ coordination: { clip: 0, gamma: 0.7 } });
    const { gradients, losses } = await task.step(0);
    const w = recipe().losses;
    const rest =
      w.response.weight * losses.response! +
      0.7 * (w.attention.weight * losses.attention! + w.cross_modal.weight * losses.cross_modal!);
    expect(losses.total).toBeCloseTo(losses.feature! + rest, 4);
    const free = Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, g.slice()]));
    const largest = (g: Float32Array) => g.reduce((best, x, i) => (Math.abs(x) > Math.abs(g[best]!) ? i : best), 0);
    for (const name of [
      'student/vision_model.encoder.layers.0.self_attn.k_proj.weight',
      'student/text_projection.weight',
      'student/logit_scale',
      'prompt/token_projection.weight',
      'prompt/vision_heads.0.bias',
      'prompt/text_heads.0.weight',
      'heads/cross.query',
      'heads/feature.text',
    ]) {
      const data = task.params[name]!.data as Float32Array;
      const i = largest(free[name]!);
      const kept = data[i]!;
      const step = 1e-2 * Math.max(0.1, Math.abs(kept));
      const at = async (x: number) => {
        data[i] = x;
        const { losses: l } = await task.step(0);
        data[i] = kept;
        return l.total!;
      };
      const slope = ((await at(kept + step)) - (await at(kept - step))) / (2 * step);
      expect(Math.abs(slope - free[name]![i]!), name).toBeLessThan(0.05 * Math.abs(slope) + 2e-3);
    }
    await task.dispose();

    const clipped = await jointTask({ coordination: { clip: 1e-6, gamma: 0.7 } });
    const second = (await clipped.task.step(0)).gradients;
    expect(second['heads/feature.text']!.every((x) => Math.abs(x) <= 1e-6)).toBe(true);
    expect([...second['heads/cross.query']!]).toEqual([...free['heads/cross.query']!]);
    await clipped.task.dispose();
    batches.store.close();
  });

  async function jointTask(more: object) {
    const r = recipe(more);
    const examples = dataset.splits.train!;
    const store = await ensureTargets({
      teacher,
      dataset,
      examples,
      views: 2,
      augment: r.augment,
      seed: r.seed,
      hidden: [1, 2],
      attention: [1, 2],
      dir: join(root, 'joint'),
      compile: compileOptions,
    });
    const bank = await buildTextBank(
      teacher,
      listTexts(dataset, examples, r.texts.templates, true),
      10,
      true,
      compileOptions,
    );
    const batches = new Batches(store, bank, examples, teacher.preprocess, {
      seed: 0,
      batch: 6,
      views: 2,
      classesPerStep: 3,
      teacherTopK: 2,
      captions: true,
    });
    const start = await startStudent(r, teacher);
    const shape = promptConfig(r, start.config, 10);
    const stream = {
      student: start.params,
      config: start.config,
      teacher: teacher.params,
      teacherConfig: config,
      recipe: r,
      prompt: { params: initPromptEncoder(shape, 1), config: shape },
      pairs: mapLayers('even', 2, 2),
    };
    const full = { ...stream, heads: initHeads(stream, start.channels) };
    const phase = phasesOf(r).at(-1)!;
    return { batches, task: await dualStreamTask(full, batches, phase, compileOptions) };
  }
});

describe('stored targets', () => {
  it('are what the teacher gives live, to the precision of binary16, also when extraction is stopped between', async () => {
    const wanted = {
      teacher,
      dataset,
      examples: dataset.splits.train!,
      views: 2,
      augment: recipe().augment,
      seed: 3,
      hidden: [2],
      attention: [1],
      dir: join(root, 'live'),
      compile: compileOptions,
    };
    const stopped = new AbortController();
    stopped.abort();
    expect((await ensureTargets({ ...wanted, signal: stopped.signal })).complete).toBe(false);
    const store = await ensureTargets(wanted);
    const { layout } = store;
    const record = new Uint8Array(layout.bytes);
    store.read(recordIndex(5, 1, 2), record);

    const tower = visionTower(paramInputs(teacher.params), config, input('pixels', [1, 3, 16, 16]));
    const outputs = { embed: tower.embed, hidden: tower.hidden[2]!, map: headAverage(tower.attention[0]!, 17) };
    const program = await compile({ outputs }, compileOptions);
    const { normalizePixels } = await import('../clip/index.js');
    const pixels = new Float32Array(3 * 256);
    normalizePixels(layout.pixels(record), 16, teacher.preprocess, pixels, 0);
    const live = await program.run({ ...paramFeeds(teacher.params), pixels: { shape: [1, 3, 16, 16], data: pixels } });
    const hidden = new Float32Array(layout.hiddenSize);
    const map = new Float32Array(layout.mapSize);
    layout.readHidden(record, 2, hidden, 0);
    layout.readAttention(record, 1, map, 0);
    const far = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Array.from(a).reduce((m, x, i) => Math.max(m, Math.abs(x - b[i]!)), 0);
    expect(far(layout.embed(record), live.embed!.data)).toBeLessThan(1e-5);
    expect(far(hidden, live.hidden!.data)).toBeLessThan(4e-3);
    expect(far(map, live.map!.data)).toBeLessThan(1e-3);
    await program.dispose();
    store.close();
  });

  it('gives the text tower the same rows as texts read alone', async () => {
    const list = listTexts(dataset, dataset.splits.train!, ['a drawing of {}', '{}'], true);
    expect(list.texts.some((t) => t.includes('gold'))).toBe(false);
    expect(list.classes).toHaveLength(4);
    const bank = await buildTextBank(teacher, list, 10, true, compileOptions);
    const { ids, eos } = tokenizer.encode(['a red thing'], 12);
    const tower = textTower(
      paramInputs(teacher.params),
      config,
      input('ids', [1, 12], 'int32'),
      input('ends', [1], 'int32'),
    );
    const program = await compile({ outputs: { embed: tower.embed } }, compileOptions);
    const { embed } = await program.run({
      ...paramFeeds(teacher.params),
      ids: { shape: [1, 12], data: ids },
      ends: { shape: [1], data: eos },
    });
    const row = list.texts.indexOf('a red thing');
    for (let k = 0; k < 12; k++) expect(bank.embeds[row * 12 + k]).toBeCloseTo(embed!.data[k]!, 5);
    await program.dispose();
  });
});
