import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { textTower } from '../clip/towers/text.js';
import { visionTower } from '../clip/towers/vision.js';
import { headAverage } from '../nn/head-average.js';
import { paramFeeds, paramInputs } from '../nn/index.js';
import { initPromptEncoder, trainingTemplates } from '../prompt/index.js';
import { promptConfig } from '../prompt/prompts-recipe.js';
import { compile } from '../runtime/program.js';
import { bilinearMatrix, input } from '../tensor/index.js';
import {
  compileOptions,
  config,
  dataset,
  otherTokenizer,
  recipe,
  teacher,
  tokenizer,
} from '../test/colours.fixture.js';
import { openSteps } from '../test/training.fixture.js';
import { adamw } from '../train/adamw.js';
import { groupGradients } from '../train/group-gradients.js';
import { train } from '../train/loop.js';
import { Batches } from './batches/batches.js';
import { buildTextBank, listTexts } from './batches/text-bank.js';
import { distill } from './distill.js';
import { initHeads } from './dual-stream.js';
import { dualStreamTask } from './dual-stream-task.js';
import { checkFrozenLayers } from './frozen-layers.js';
import { mapLayers } from './losses/layer-map.js';
import { checkPhasePatches } from './phase-patches.js';
import { phasesOf } from './phases.js';
import { startStudent } from './student/student.js';
import { ensureTargets } from './targets/extract-targets.js';
import { teacherOf } from './teacher/teacher.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-distill-'));
});
afterAll(() => rmSync(root, { recursive: true }));

describe('the joint step', () => {
  it('has the gradient of its total, by central differences, and clips the feature part alone', async () => {
    const { task, batches } = await jointTask({ coordination: { clip: 0, gamma: 0.7 } });
    const steps = await openSteps(task, { compile: compileOptions });
    const { gradients, losses } = await steps.step(0);
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
        const { losses: l } = await steps.step(0);
        data[i] = kept;
        return l.total!;
      };
      const slope = ((await at(kept + step)) - (await at(kept - step))) / (2 * step);
      expect(Math.abs(slope - free[name]![i]!), name).toBeLessThan(0.05 * Math.abs(slope) + 2e-3);
    }
    await steps.dispose();

    const other = await jointTask({ coordination: { clip: 1e-6, gamma: 0.7 } });
    // Without clipping all losses share one backward pass.
    expect([task, other.task].map(({ groups }) => groups.length)).toEqual([1, 2]);
    const clipped = await openSteps(other.task, { compile: compileOptions });
    const second = (await clipped.step(0)).gradients;
    expect(second['heads/feature.text']!.every((x) => Math.abs(x) <= 1e-6)).toBe(true);
    expect([...second['heads/cross.query']!]).toEqual([...free['heads/cross.query']!]);
    await clipped.dispose();
    for (const { store } of [batches, other.batches]) store.close();
  });

  it.each([1, 2])(
    'on a device that keeps the parameters gives what it gives here, with gradients averaged over %i batches, clipped and added there',
    async (accumulate) => {
      const [here, there] = await Promise.all(
        [false, true].map(async (resident) => {
          const { task, batches } = await jointTask({ accumulate, coordination: { clip: 0.05, gamma: 0.7 } });
          const losses: Readonly<Record<string, number>>[] = [];
          // What it does on such a device, done by the CPU.
          await train(task, {
            ...{ steps: 4, accumulate, resident, compile: compileOptions },
            optimizer: adamw(task.params),
            learningRate: () => 1e-3,
            onStep: (event) => void losses.push(event.losses),
          });
          batches.store.close();
          return { losses, params: task.params };
        }),
      );
      for (const [step, expected] of here!.losses.entries()) {
        for (const [name, loss] of Object.entries(expected)) expect(there!.losses[step]![name]).toBeCloseTo(loss, 4);
      }
      const far = Object.entries(here!.params).map(([name, { data }]) => {
        const other = there!.params[name]!.data;
        return Math.hypot(...data.map((x, i) => x - other[i]!));
      });
      expect(Math.hypot(...far)).toBeLessThan(0.01);
    },
  );

  it('averages each loss’s gradients over the batches of a step before it clips them', async () => {
    const clip = 0.05;
    /** Gradients and total of some steps. */
    const steps = async (more: object, count: number, accumulate = 1) => {
      const off = { enabled: false };
      const losses = { attention: off, cross_modal: off };
      const phases = { warmup: { steps: 0 }, prompt: { steps: 0 } }; // the joint one sees the first drawings
      const { task, batches } = await jointTask({ ...more, accumulate, losses, phases });
      const opened = await openSteps(task, { accumulate, compile: compileOptions });
      const results: { total: number; gradients: Map<string, Float32Array> }[] = [];
      for (let step = 0; step < count; step++) {
        const { losses, gradients } = await opened.step(step);
        const kept = Object.entries(gradients).map(([name, g]) => [name, g.slice()] as const);
        results.push({ total: losses.total!, gradients: new Map(kept) });
      }
      await opened.dispose();
      batches.store.close();
      return results;
    };
    const whole = await steps({ coordination: { clip: 0 } }, 4);
    const rest = await steps({ coordination: { clip: 1e-12 } }, 4); // nothing is left of the feature loss
    const together = await steps({ coordination: { clip } }, 2, 2);
    for (const [step, { total, gradients }] of together.entries()) {
      const mean = (of: typeof whole, name: string, i: number) =>
        (of[2 * step]!.gradients.get(name)![i]! + of[2 * step + 1]!.gradients.get(name)![i]!) / 2;
      const feature = (name: string, i: number) => mean(whole, name, i) - mean(rest, name, i);
      const all = [...gradients].flatMap(([name, g]) => Array.from(g, (found, i) => ({ name, i, found })));
      const norm = Math.hypot(...all.map(({ name, i }) => feature(name, i)));
      expect(norm).toBeGreaterThan(2 * clip);
      const errors = all.map(({ name, i, found }) => found - mean(rest, name, i) - (clip / norm) * feature(name, i));
      expect(Math.hypot(...errors)).toBeLessThan(1e-4);
      expect(total).toBeCloseTo((whole[2 * step]!.total + whole[2 * step + 1]!.total) / 2, 4);
    }
  });

  describe('on a part of the patches', () => {
    const tower = { hidden_size: 12, intermediate_size: 24, num_attention_heads: 2 };
    // On the teacher's own grid, 4 × 4.
    const student = {
      vision: { ...tower, num_hidden_layers: 2, patch_size: 4 },
      text: { ...tower, num_hidden_layers: 1 },
    };
    const jointOf = (joint: object) =>
      jointTask({ student, phases: { warmup: { steps: 0 }, prompt: { steps: 0 }, joint } });

    it('gives what all patches give where none is left out', async () => {
      const [all, kept] = await Promise.all(
        [0, 0.01].map(async (drop_patches) => {
          const { task, batches } = await jointOf({ drop_patches });
          const steps = await openSteps(task, { compile: compileOptions });
          const { losses, gradients } = await steps.step(3);
          const copied = Object.entries(gradients).map(([name, g]) => [name, [...g]] as const);
          await steps.dispose();
          const feeds = Object.keys(await task.feeds(3));
          batches.store.close();
          return { losses, gradients: new Map(copied), feeds };
        }),
      );
      expect([all!.feeds.includes('kept'), kept!.feeds.includes('kept')]).toEqual([false, true]);
      for (const [name, loss] of Object.entries(all!.losses)) expect(kept!.losses[name], name).toBeCloseTo(loss, 4);
      for (const [name, g] of all!.gradients) {
        const other = kept!.gradients.get(name)!;
        const far = Math.hypot(...g.map((x, i) => x - other[i]!));
        expect(far, name).toBeLessThan(1e-4 + 1e-3 * Math.hypot(...g));
      }
    });

    it('sees no pixel of a patch that is left out, others at each step, and has the gradient of its total', async () => {
      const { task, batches } = await jointOf({ drop_patches: 0.75 });
      const rows = async (n: number) => [...(await task.feeds(n)).kept!.data];
      const first = await rows(0);
      expect(first).toHaveLength(6 * (1 + 4));
      expect(await rows(1)).not.toEqual(first);
      expect(await rows(0)).toEqual(first);

      // Image 0 with a patch painted over: one that is kept, and one that is not.
      const own = first.slice(1, 5).map((row) => row - 1);
      const dropped = Array.from({ length: 16 }, (_, p) => p).find((p) => !own.includes(p))!;
      const painted = (patch: number | undefined) => async (n: number) => {
        const { pixels, ...feeds } = await task.feeds(n);
        const data = (pixels!.data as Float32Array).slice();
        for (let i = 0; patch !== undefined && i < 16; i++) {
          const [y, x] = [Math.floor(patch / 4) * 4 + Math.floor(i / 4), (patch % 4) * 4 + (i % 4)];
          data[y * 16 + x] = 3;
        }
        return { ...feeds, pixels: { ...pixels!, data } };
      };
      let over: number | undefined;
      const steps = await openSteps({ ...task, feeds: (n) => painted(over)(n) }, { compile: compileOptions });
      const totals: number[] = [];
      for (over of [dropped, own[0]!, undefined]) totals.push((await steps.step(0)).losses.total!);
      expect(totals[0]).toBe(totals[2]);
      expect(totals[1]).not.toBe(totals[2]);

      const { gradients } = await steps.step(0);
      const free = Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, g.slice()]));
      for (const part of ['patch_embedding.weight', 'position_embedding.weight']) {
        const name = `student/vision_model.embeddings.${part}`;
        const data = task.params[name]!.data as Float32Array;
        const i = free[name]!.reduce((best, x, at) => (Math.abs(x) > Math.abs(free[name]![best]!) ? at : best), 0);
        const before = data[i]!;
        const at = async (x: number) => {
          data[i] = x;
          const { losses } = await steps.step(0);
          data[i] = before;
          return losses.total!;
        };
        const slope = ((await at(before + 2e-3)) - (await at(before - 2e-3))) / 4e-3;
        expect(Math.abs(slope - free[name]![i]!), name).toBeLessThan(0.05 * Math.abs(slope) + 2e-3);
      }
      await steps.dispose();
      batches.store.close();
    });

    it('reads smaller images by position embeddings of their grid', async () => {
      const small = visionTower(paramInputs(teacher.params), config, input('pixels', [2, 3, 8, 8]), { size: 8 });
      const { data } = teacher.params['vision_model.embeddings.position_embedding.weight']!;
      const weights = bilinearMatrix([4, 4], [2, 2]);
      const table = new Float32Array(5 * 24);
      table.set(data.subarray(0, 24) as Float32Array); // the class token's
      for (let p = 0; p < 4; p++)
        for (let q = 0; q < 16; q++)
          for (let k = 0; k < 24; k++) table[(1 + p) * 24 + k]! += weights[p * 16 + q]! * data[(1 + q) * 24 + k]!;
      const own = { ...config, vision_config: { ...config.vision_config, image_size: 8 } };
      const moved = {
        ...teacher.params,
        'vision_model.embeddings.position_embedding.weight': { shape: [5, 24], data: table },
      };
      const plain = visionTower(paramInputs(moved), own, input('pixels', [2, 3, 8, 8]));
      const pixels = { shape: [2, 3, 8, 8], data: Float32Array.from({ length: 384 }, (_, i) => Math.sin(i)) };
      const [a, b] = await Promise.all(
        [
          { embed: small.embed, params: teacher.params },
          { embed: plain.embed, params: moved },
        ].map(async ({ embed, params }) => {
          const program = await compile({ outputs: { embed } }, compileOptions);
          const found = [...(await program.run({ ...paramFeeds(params), pixels })).embed!.data];
          await program.dispose();
          return found;
        }),
      );
      for (const [i, x] of a!.entries()) expect(b![i]).toBeCloseTo(x, 5);
    });

    it('trains phase by phase on more of the image, for a student of its own grid', async () => {
      const phases = {
        warmup: { steps: 1, lr: 3e-3, losses: ['feature'], image_size: 8 },
        prompt: { steps: 1, lr: 3e-3, drop_patches: 0.5 },
        joint: { steps: 1, lr: 3e-3 },
      };
      const given = { teacher, dataset, recipe: recipe({ student, phases }), engine: compileOptions };
      const made = await distill({ ...given, runDir: join(root, 'phases') });
      expect(made.history.map(({ phase }) => phase)).toEqual(['warmup', 'prompt', 'joint']);
      expect(made.student.config.vision_config.image_size).toBe(16);
    });

    it.each([
      [
        { image_size: 6 },
        1,
        /phases.joint.image_size: expected a multiple of the student's patch size 4, 16 at most, got 6/,
      ],
      [{ image_size: 32 }, 1, /16 at most, got 32/],
      [
        { image_size: 4, drop_patches: 0.6 },
        1,
        /phases.joint.drop_patches: 0.6 of the 1 patches leaves none; lower it/,
      ],
      [{ drop_patches: 0.5 }, 2, /phases.joint.drop_patches: expected 0 with several teachers, got 0.5/],
    ])('refuses %o with %i teachers', (joint, teachers, message) => {
      const phases = phasesOf(recipe({ phases: { joint } }));
      expect(() => checkPhasePatches(phases, config.vision_config, teachers)).toThrow(message);
    });
  });

  describe('with frozen layers', () => {
    const tower = { hidden_size: 12, intermediate_size: 24, num_attention_heads: 2, num_hidden_layers: 2 };
    const student = { vision: { ...tower, patch_size: 4 }, text: tower };
    const freezing = (freeze_layers: object, prompts = {}) =>
      jointTask({
        ...{ student, prompts, coordination: { clip: 0, gamma: 1 } },
        phases: { warmup: { steps: 0 }, prompt: { steps: 0 }, joint: { freeze_layers } },
      });

    it('leaves their weights as they are, and gives the others the gradients that they have without', async () => {
      const [free, frozen] = await Promise.all([freezing({}), freezing({ vision: 1, text: 2 })]);
      const still = Object.keys(free.task.params).filter((name) => !(name in frozen.task.params));
      const expected =
        /^student\/(vision_model\.(embeddings|pre_layrnorm|encoder\.layers\.0)|text_model\.(embeddings|encoder))\./;
      expect(still).toEqual(Object.keys(free.task.params).filter((name) => expected.test(name)));
      expect(still.length).toBeGreaterThan(40);

      const [all, some] = await Promise.all(
        [free, frozen].map(({ task }) => openSteps(task, { compile: compileOptions })),
      );
      const [a, b] = [await all!.step(0), await some!.step(0)];
      expect(Object.keys(b.gradients).filter((name) => still.includes(name))).toEqual([]);
      for (const [name, g] of Object.entries(b.gradients)) {
        const far = Math.hypot(...g.map((x, i) => x - a.gradients[name]![i]!));
        expect(far, name).toBeLessThan(1e-5 + 1e-4 * Math.hypot(...g));
      }
      await Promise.all([all!.dispose(), some!.dispose()]);

      const copy = () =>
        Object.entries(frozen.task.frozen).map(([name, { data }]) => [name, Buffer.from(data.slice().buffer)] as const);
      const before = new Map(copy());
      const optimizer = adamw(frozen.task.params);
      await train(frozen.task, { steps: 2, compile: compileOptions, optimizer, learningRate: () => 1e-2 });
      const moved = copy().flatMap(([name, bytes]) => (before.get(name)!.equals(bytes) ? [] : name));
      expect(moved.filter((name) => still.includes(name) || !(name in frozen.task.params))).toEqual([]);
      expect(moved).toContain('student/vision_model.encoder.layers.1.mlp.fc1.weight');
      expect(moved).toContain('student/text_model.final_layer_norm.weight');
      for (const { batches } of [free, frozen]) batches.store.close();
    });

    it('computes nothing backward through frozen layers below which nothing learns', async () => {
      const counts = await Promise.all(
        [{}, { vision: 1 }, { vision: 2 }].map(async (freeze) => {
          const { task, batches } = await freezing(freeze, { enabled: false });
          batches.store.close();
          const gradients = Object.values(groupGradients(task)).flatMap((group) => Object.values(group));
          const nodes = new Set(gradients.flatMap(({ node }) => node ?? []));
          for (const { inputs } of nodes) for (const { node } of inputs) if (node) nodes.add(node);
          return [...nodes].filter(({ op }) => op.name === 'matmul').length;
        }),
      );
      expect(counts[1]).toBeLessThan(counts[0]!);
      expect(counts[2]).toBeLessThan(counts[1]!);
    });

    it('refuses more layers than the student has', () => {
      const [joint] = phasesOf(recipe({ phases: { joint: { freeze_layers: { text: 5 } } } })).slice(-1);
      expect(() => checkFrozenLayers([joint!], config)).toThrow(
        /phases.joint.freeze_layers.text: expected at most \d, the layers of the student's text tower, got 5/,
      );
    });
  });

  async function jointTask(more: object) {
    const r = recipe(more);
    const examples = dataset.splits.train!;
    const reader = teacherOf(teacher, { compile: compileOptions });
    const store = await ensureTargets({
      teacher: reader,
      dataset,
      examples,
      views: 2,
      augment: r.augment,
      seed: r.seed,
      hidden: [1, 2],
      attention: [1, 2],
      dir: join(root, 'joint'),
    });
    const bank = await buildTextBank(
      reader,
      listTexts(dataset, examples, trainingTemplates(r.texts.templates, dataset), true),
      { tokenizer, limit: 10 },
      true,
    );
    const batches = new Batches(store, bank, examples, teacher.preprocess, {
      seed: 0,
      batch: 6,
      views: 2,
      classesPerStep: 3,
      teacherTopK: 2,
      captions: true,
    });
    const start = await startStudent(r, teacherOf(teacher), { dataset });
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
    const full = { ...stream, heads: initHeads(stream, start.map) };
    const phase = phasesOf(r).at(-1)!;
    return { batches, task: dualStreamTask(full, batches, phase) };
  }
});

describe('stored targets', () => {
  it('are what the teacher gives live, to the precision of binary16, also when extraction is stopped between', async () => {
    const wanted = {
      teacher: teacherOf(teacher, { compile: compileOptions }),
      dataset,
      examples: dataset.splits.train!,
      views: 2,
      augment: recipe().augment,
      seed: 3,
      hidden: [2],
      attention: [1],
      dir: join(root, 'live'),
    };
    const stopped = new AbortController();
    stopped.abort();
    expect((await ensureTargets({ ...wanted, signal: stopped.signal })).complete).toBe(false);
    const store = await ensureTargets(wanted);
    const { layout } = store;
    const record = new Uint8Array(layout.bytes);
    store.read(store.index(5, 1), record);

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
    const reader = teacherOf(teacher, { compile: compileOptions });
    const bank = await buildTextBank(reader, list, { tokenizer, limit: 10 }, true);
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

    const other = await buildTextBank(reader, list, { tokenizer: otherTokenizer, limit: 10 }, false);
    expect(other.embeds).toEqual(bank.embeds);
    const own = otherTokenizer.encode(['a red thing'], other.length);
    expect([...own.ids]).not.toEqual([...ids.slice(0, other.length)]);
    expect(other.ids.subarray(row * other.length, (row + 1) * other.length)).toEqual(own.ids);
    expect(other.ends[row]).toBe(own.eos[0]);
  });
});
