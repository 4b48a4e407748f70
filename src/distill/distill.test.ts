import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { trainTokenizer } from '../clip/tokenizer/bpe-trainer.js';
import { tokenizerFromJson, withTokenizer } from '../clip/tokenizer/tokenizer.js';
import { initClip } from '../clip/towers/initialise.js';
import { evaluateModel } from '../evaluate/evaluate.js';
import { hashParams } from '../files/index.js';
import { loadModel, type Model, readTrainingRecord } from '../model/index.js';
import { type Params, paramFeeds, paramInputs } from '../nn/index.js';
import { loadPrompts, promptedTextTower } from '../prompt/index.js';
import { compile } from '../runtime/program.js';
import { input } from '../tensor/index.js';
import {
  compileOptions,
  config,
  dataset,
  otherTokenizer,
  recipe,
  teacher,
  tokenizer,
} from '../test/colours.fixture.js';
import { type HistoryEntry, scoreOf } from '../train/index.js';
import { type DistillResult, distill } from './distill.js';
import { phasesOf, withEpochSteps } from './phases.js';
import type { DistillOptions } from './prepare.js';
import { distillRecipe } from './recipe.js';

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
  engine: compileOptions,
  ...more,
});

/** What of a step depends on no clock. */
const timeless = ({ images_per_second: _, seconds: __, ...step }: HistoryEntry) => step;
const flat = (params: Params) => Object.fromEntries(Object.entries(params).map(([n, x]) => [n, Array.from(x.data)]));

describe('distill', () => {
  it('goes through its phases with all losses, and a stopped run resumes to the same bits', async () => {
    const before = flat(teacher.params);
    const phases: string[] = [];
    const whole = await distill(
      options('whole', {
        onProgress: ({ phase, overall, overallSteps }) =>
          void (overall && phases.push(`${phase} ${overall}/${overallSteps}`)),
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
          onProgress: ({ overall }) => void (overall === stop && controller.abort()),
        }),
      );
      expect(part.finished).toBe(false);
    }
    const read: string[] = [];
    const rest = await distill(
      options('parts', { onProgress: ({ phase }) => void (phase === 'teacher texts' && read.push(phase)) }),
    );
    expect(read).toEqual([]); // the teacher's features of texts are stored as well
    expect(flat(rest.student.params)).toEqual(flat(whole.student.params));
    expect(flat(rest.prompts!.encoder)).toEqual(flat(whole.prompts!.encoder));
    expect(flat(rest.prompts!.vision)).toEqual(flat(whole.prompts!.vision));
    expect(rest.history.map(timeless)).toEqual(whole.history.map(timeless));

    const yaml = readFileSync(join(root, 'whole', 'recipe.yaml'), 'utf8');
    expect(yaml).toContain('templates:\n    - a drawing of {}\n');
    expect(readTrainingRecord(join(root, 'whole', 'student'))!.templates).toEqual(['a drawing of {}']);

    const saved = (await loadPrompts(join(root, 'whole', 'student')))!;
    expect(saved.config).toEqual(whole.prompts!.config);
    expect(flat(saved.vision)).toEqual(flat(whole.prompts!.vision));
    const p = paramInputs(whole.student.params, 's/');
    const e = paramInputs(saved.encoder, 'e/');
    const { embed } = promptedTextTower(
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

  it('takes class texts that its teacher was trained with where the data would have others, and warns of other ones', async () => {
    const phases = { warmup: { steps: 1 }, prompt: { steps: 0 }, joint: { steps: 0 } };
    const said: string[] = [];
    const run = (name: string, texts: object) =>
      distill(
        options(name, {
          recipe: recipe({ phases, texts }),
          teacherTemplates: ['a sketch of {}'],
          onMessage: (message) => void said.push(message),
        }),
      );
    const { folder } = await run('taught', {});
    expect(readTrainingRecord(folder)!.templates).toEqual(['a sketch of {}']);
    expect(said).toEqual([]);
    await run('strange', { templates: ['a photo of {}'] });
    expect(said).toEqual([
      'warning: the student learns by the class texts "a photo of {}", the teacher was trained with "a sketch of {}": set texts.templates to those, or its answers may be worth little',
    ]);
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

  it.each(['promptkd', 'kd'])('ends %s with averaged parameters, also where it was stopped', async (method) => {
    const joint = { steps: 5, lr: 3e-3, losses: ['response'] };
    const phases = { warmup: { steps: 0 }, prompt: { steps: 0 }, joint };
    const run = (name: string, ema?: number, more: Partial<DistillOptions> = {}) =>
      distill(options(`${method}-${name}`, { recipe: recipe({ method, phases, accumulate: 2, ema }), ...more }));
    const whole = await run('averaged', 0.8);
    expect(whole.imagesSeen).toBe(5 * 2 * 6);
    const stop = new AbortController();
    const onProgress = ({ overall }: { overall?: number }) => void (overall === 3 && stop.abort());
    expect((await run('stopped', 0.8, { signal: stop.signal, onProgress })).finished).toBe(false);
    const resumed = await run('stopped', 0.8);
    expect(flat(resumed.student.params)).toEqual(flat(whole.student.params));
    expect(resumed.prompts).toEqual(whole.prompts);
    const last = await run('last');
    expect(last.history.map(timeless)).toEqual(whole.history.map(timeless)); // the average changes nothing of the way
    expect(flat(last.student.params)).not.toEqual(flat(whole.student.params));
  });

  it('takes a student with another vocabulary, each model’s texts through its own tokenizer', async () => {
    const given = withTokenizer(config, otherTokenizer);
    const checkpoint = join(root, 'given');
    await saveCheckpoint(checkpoint, {
      config: given,
      params: initClip(given, 2),
      preprocess: teacher.preprocess,
      tokenizer: otherTokenizer,
    });
    const student = { init: 'given', checkpoint };
    const short = { warmup: { steps: 1 }, prompt: { steps: 0 }, joint: { steps: 1 } };
    const run = await distill(options('own-words', { recipe: recipe({ student, phases: short }) }));
    for (const name of ['response', 'cross_modal']) expect(run.history.at(-1)!.losses[name], name).toBeGreaterThan(0);
    const saved = await loadCheckpoint(join(root, 'own-words', 'student'));
    expect(saved.tokenizer.json).toEqual(otherTokenizer.json);
    expect(saved.config.text_config.vocab_size).toBe(otherTokenizer.vocabSize);
  });

  it('keeps the tokens of its task alone where the recipe says so, in a checkpoint that reads all texts', async () => {
    const wordy = tokenizerFromJson(trainTokenizer(Array(2).fill('octopus spectacles red stripes gold'), 560));
    const large = withTokenizer(config, wordy);
    const other = { ...teacher, config: large, params: initClip(large, 3), tokenizer: wordy };
    const short = { warmup: { steps: 1 }, prompt: { steps: 0 }, joint: { steps: 1 } };
    const student = { ...recipe().student, tokens: 'task' };
    const own = { teacher: other, targetsDir: join(root, 'wordy'), recipe: recipe({ student, phases: short }) };
    const run = await distill(options('task-tokens', own));
    const saved = await loadCheckpoint(join(root, 'task-tokens', 'student'));
    const { vocab_size } = saved.config.text_config;
    expect(vocab_size).toBeLessThan(wordy.vocabSize - 5);
    const table = run.student.params['text_model.embeddings.token_embedding.weight']!;
    expect([saved.tokenizer.vocabSize, table.shape[0]]).toEqual([vocab_size, vocab_size]);
    expect(saved.tokenizer.tokens('red stripes')).toHaveLength(wordy.tokens('red stripes').length);
    expect(saved.tokenizer.tokens('octopus').length).toBeGreaterThan(wordy.tokens('octopus').length);
    const { zeroShot } = await evaluateModel(await loadModel(run.folder), dataset, { split: 'train', latencyRuns: 0 });
    expect(zeroShot!.top1.value).toBeGreaterThan(0);
  });

  it('trains a token table in two factors where the recipe says so, and refuses a rank that saves nothing', async () => {
    const short = { warmup: { steps: 0 }, prompt: { steps: 0 }, joint: { steps: 2, lr: 3e-3 } };
    const at = (token_rank: number, name: string) => {
      const student = { ...recipe().student, tokens: 'factorised', token_rank };
      return distill(options(name, { recipe: recipe({ student, phases: short }) }));
    };
    const run = await at(4, 'factors');
    const saved = await loadCheckpoint(join(root, 'factors', 'student'));
    const rows = tokenizer.vocabSize;
    expect(saved.params['text_model.embeddings.token_embedding.weight']!.shape).toEqual([rows, 4]);
    expect(saved.params['text_model.embeddings.token_projection.weight']!.shape).toEqual([12, 4]);
    expect(saved.params).toEqual(run.student.params);
    // As a teacher it has one table, and its prompts read it as before.
    const again = await distill(
      options('of-factors', { teacher: saved, targetsDir: undefined, recipe: recipe({ phases: short }) }),
    );
    expect(again.student.params['text_model.embeddings.token_embedding.weight']!.shape).toEqual([rows, 12]);
    await expect(at(12, 'no-factors')).rejects.toThrow(
      "student.token_rank: expected less than the text tower's width 12, got 12: set student.tokens=all for a whole table",
    );
  });

  it('measures itself without changing a bit, keeps the best, resumes to the same, and ends early where asked', async () => {
    const val = dataset.splits.train!.map((example) => ({ ...example, id: `val-${example.id}` }));
    const held = { ...dataset, splits: { ...dataset.splits, val } };
    const short = { warmup: { steps: 2 }, prompt: { steps: 1 }, joint: { steps: 4, lr: 3e-3 } };
    const at = (name: string, evaluation: object, more: Partial<DistillOptions> = {}) =>
      distill(options(name, { dataset: held, recipe: recipe({ evaluation, phases: short }), ...more }));
    const plain = await at('unmeasured', {});
    expect([plain.validation, existsSync(join(root, 'unmeasured', 'best'))]).toEqual([undefined, false]);
    const whole = await at('measured', { every: 2 });
    const weights = ({ student, prompts }: DistillResult) => [
      flat(student.params),
      flat(prompts!.encoder),
      flat(prompts!.vision),
    ];
    expect(weights(whole)).toEqual(weights(plain));
    const measured = whole.history.filter(({ evaluation }) => evaluation);
    expect(measured.map(({ step }) => step)).toEqual([2, 3, 5, 7]);
    const { evaluations, best, trained, chance } = whole.validation!;
    expect(evaluations.map(({ step }) => step)).toEqual([5, 7]);
    expect(best.top1).toBe(Math.max(...evaluations.map(({ top1 }) => top1!)));
    expect(chance).toBe(1 / 4);
    // The same images under other names.
    expect(trained).toBe(evaluations.at(-1)!.top1);
    const evaluate = async (model: Model) =>
      (await evaluateModel(model, held, { split: 'val', templates: recipe().texts.templates, latencyRuns: 0 }))
        .zeroShot!.top1.value;
    expect(await evaluate(await loadModel(whole.folder))).toBe(evaluations.at(-1)!.top1);
    expect(await evaluate(await loadModel(best.folder))).toBe(best.top1);
    expect(await evaluate(teacher)).toBe(best.teacher);

    const controller = new AbortController();
    const onProgress = ({ overall }: { overall?: number }) => void (overall === 6 && controller.abort());
    await at('measured-parts', { every: 2 }, { signal: controller.signal, onProgress });
    const rest = await at('measured-parts', { every: 2 });
    expect(rest.history.map(timeless)).toEqual(whole.history.map(timeless));
    expect({ ...rest.validation!.best, folder: '' }).toEqual({ ...best, folder: '' });
    expect(hashParams((await loadCheckpoint(rest.validation!.best.folder)).params)).toBe(
      hashParams((await loadCheckpoint(best.folder)).params),
    );

    const early = await at('early', { every: 1, patience: 1 });
    expect(early.finished).toBe(true);
    const own = early.validation!.evaluations;
    expect(own.length).toBeLessThan(4);
    expect(scoreOf(own.at(-1)!)).toBeLessThanOrEqual(scoreOf(own.at(-2)!));
    const again = await at('early', { every: 1, patience: 1 });
    expect([again.finished, again.steps, weights(again)]).toEqual([true, early.steps, weights(early)]);
  });

  it('spends the same drawings whatever is switched off', () => {
    const steps = (more: object) => phasesOf(recipe(more)).reduce((sum, p) => sum + p.steps, 0);
    expect(steps({ prompts: { enabled: false } })).toBe(12);
    expect(steps({ method: 'kd' })).toBe(12);
    const warmup = { steps: 4, losses: ['feature'] };
    const idle = recipe({
      losses: { feature: { enabled: false } },
      phases: { warmup, prompt: { steps: 3 }, joint: { steps: 5 } },
    });
    expect(phasesOf(idle).map(({ name, steps, firstStep }) => [name, steps, firstStep])).toEqual([
      ['prompt', 3, 0],
      ['joint', 9, 3],
    ]);
  });

  it('counts a phase in epochs where the recipe says so', () => {
    const counted = withEpochSteps(
      recipe({ accumulate: 2, phases: { joint: { epochs: 5 }, prompt: { steps: 7 } } }),
      31,
    );
    // 5 · 31 images, 6 · 2 a step
    expect(phasesOf(counted).map(({ name, steps }) => `${name} ${steps}`)).toEqual(['prompt 7', 'joint 13']);
  });

  it('takes any field of the student alone', () => {
    const { vision } = distillRecipe.parse({ student: { vision: { num_hidden_layers: 12 } } }).student;
    expect(vision).toEqual({ hidden_size: 96, intermediate_size: 384, num_hidden_layers: 12, num_attention_heads: 4 });
  });

  it('refuses a recipe whose joint phase has no loss', () => {
    const alone = recipe({
      losses: { feature: { enabled: false } },
      phases: { joint: { steps: 5, losses: ['feature'] } },
    });
    expect(() => phasesOf(alone)).toThrow('phases.joint.losses: expected at least one that is enabled under losses');
  });

  it('extracts targets in the precision of the recipe, and refuses those of the other', async () => {
    const mixed = recipe({
      precision: 'mixed',
      phases: { warmup: { steps: 1 }, prompt: { steps: 0 }, joint: { steps: 0 } },
    });
    const other = join(root, 'mixed-targets');
    await distill(options('mixed', { recipe: mixed, targetsDir: other }));
    const shard = (dir: string) => readFileSync(join(dir, 'shard-00000.bin'));
    const targets = join(root, 'targets');
    expect(shard(other)).toHaveLength(shard(targets).length);
    expect(shard(other).equals(shard(targets))).toBe(false);
    await expect(distill(options('stale', { recipe: mixed }))).rejects.toThrow(
      /teacher was (\w+), is \1 in mixed precision/,
    );
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
