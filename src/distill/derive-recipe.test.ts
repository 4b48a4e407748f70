import { beforeAll, describe, expect, it } from 'vitest';
import { parseClipConfig } from '../clip/config.js';
import { clipPreprocess, loadTokenizer, type Tokenizer } from '../clip/index.js';
import type { ImageTextDataset } from '../data/index.js';
import { loadRecipe } from '../files/recipe-file.js';
import { presets } from './adapt-recipe.js';
import { type DeriveOptions, deriveRecipe } from './derive-recipe.js';
import { phasesOf } from './phases.js';
import { expectedTime } from './plan.js';
import { type DistillRecipe, distillRecipe } from './recipe.js';
import { stepCost } from './step-cost.js';
import { studentConfig } from './student/student.js';
import type { Teacher } from './teacher/teacher.js';
import type { TimedWork } from './timed-work.js';

let tokenizer: Tokenizer;
let teacher: Teacher;
beforeAll(async () => {
  tokenizer = await loadTokenizer('models/emoji-teacher');
  /** A ViT-B/32's towers. */
  const config = parseClipConfig({
    projection_dim: 512,
    text_config: {
      ...{ hidden_size: 512, intermediate_size: 2048, num_hidden_layers: 12, num_attention_heads: 8 },
      ...{ vocab_size: 1024, max_position_embeddings: 77, bos_token_id: 1022, eos_token_id: 1023 },
    },
    vision_config: {
      ...{ hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12 },
      ...{ image_size: 224, patch_size: 32 },
    },
  });
  const unused = () => {
    throw new Error('the recipe asks nothing of the teacher');
  };
  const parts = { config, params: {}, preprocess: clipPreprocess(224), tokenizer, inner: true };
  teacher = { ...parts, fingerprint: unused, images: unused, texts: unused };
});

function photos(more: Partial<ImageTextDataset> = {}): ImageTextDataset {
  const classes = ['cat', 'dog', 'owl'].map((name) => ({ name, novel: false }));
  const train = Array.from({ length: 3000 }, (_, i) => ({ id: `${i}`, label: i % 3, captions: [] }));
  const load = () => Promise.reject(new Error('no image is read'));
  return { name: 'photos', classes, splits: { train }, load, fingerprint: 'photos', skipped: [], ...more };
}

/** A machine on which a step takes so many seconds for each 10¹² multiplications, and the teacher so many for an image. */
function machine(perWork: number, perImage: number) {
  const tried: DistillRecipe[] = [];
  const time = async (recipe: DistillRecipe): Promise<TimedWork> => {
    tried.push(recipe);
    const stream = { config: studentConfig(recipe, teacher.config), recipe };
    const texts = { count: 3, length: 20 };
    const seconds = phasesOf(recipe).map(
      (phase) => [phase.name, (perWork * stepCost(stream, phase, texts)) / 1e12] as const,
    );
    const store = { teacher, pairs: [], folder: 'targets', secondsAnImage: perImage };
    return {
      images: 3000,
      parameters: {},
      secondsAStep: Object.fromEntries(seconds),
      texts,
      stores: [store],
      memory: 0,
    };
  };
  return { time, tried };
}

async function derived(options: Partial<DeriveOptions>, set: Record<string, unknown> = {}) {
  const complete = (defaults: Readonly<Record<string, unknown>>) => loadRecipe(distillRecipe, { defaults, flags: set });
  const parts = { teacher, dataset: photos(), given: set, complete, ...options };
  const { fields, reasons, timed } = await deriveRecipe(await complete({}), parts);
  const recipe = await complete(fields);
  const steps = phasesOf(recipe).reduce((sum, phase) => sum + phase.steps, 0);
  return { recipe, reasons: reasons.join('\n'), timed, steps };
}

describe('a recipe that keeps to a time', () => {
  it('is the usual one where the machine is fast enough, and where nothing is timed', async () => {
    const untimed = await derived({});
    const { time, tried } = machine(0.01, 1e-4);
    const fast = await derived({ time });
    expect(fast.recipe).toEqual(untimed.recipe);
    expect([tried.length, fast.timed?.images, untimed.timed]).toEqual([1, 3000, undefined]);
    expect(fast.reasons).not.toContain('Time:');
  });

  it.each(['quick', 'balanced', 'best'] as const)(
    'takes no longer than %s says on a slow one, and says what it gave up',
    async (preset) => {
      const { time, tried } = machine(40, preset === 'quick' ? 0.05 : 0.15);
      const { recipe, timed, reasons, steps } = await derived({ time, wish: { preset } });
      const { extraction, steps: training } = expectedTime(timed!, recipe);
      const { seconds, least } = presets[preset];
      expect(extraction + training).toBeLessThanOrEqual(seconds);
      expect(extraction + training).toBeGreaterThan(seconds / 2);
      expect(steps).toBeGreaterThanOrEqual(least);
      expect(recipe.student.vision.hidden_size).toBe(tried.at(-1)!.student.vision.hidden_size);
      expect(reasons).toMatch(/^Time: .* wished \(--preset \w+\): .* steps, about /m);
    },
  );

  it('says plainly where even the least is too much, and keeps a size that is wished', async () => {
    const { recipe, reasons, steps } = await derived({ ...machine(4000, 5), wish: { preset: 'quick', size: 'base' } });
    expect(recipe).toMatchObject({ views: 1, batch: 16, student: { vision: { hidden_size: 384 } } });
    expect(steps).toBeLessThan(presets.quick.least);
    expect(reasons).toContain('That is little training for this teacher');
  });

  it('leaves steps alone that are set, and those of a student that is given', async () => {
    const { time, tried } = machine(4000, 5);
    const { recipe } = await derived({ time }, { 'phases.joint.steps': 7000 });
    expect([recipe.phases.joint.steps, tried.length]).toEqual([7000, 0]);
    const given = await derived(
      { time, student: teacher.config },
      { 'student.init': 'given', 'student.checkpoint': 'a' },
    );
    expect([given.recipe.phases.joint.steps, tried.length]).toEqual([2000, 0]);
  });
});

describe('the token table', () => {
  it('keeps the tokens of the task where its classes are fixed, and says so', async () => {
    const { recipe, reasons } = await derived({});
    expect(recipe.student.tokens).toBe('task');
    expect(reasons).toMatch(/Token table: .* of the teacher's 1,024 tokens.* because its classes are fixed/);
    expect((await derived({}, { 'student.tokens': 'all' })).recipe.student.tokens).toBe('all');
  });

  it.each<[string, Partial<ImageTextDataset>]>([
    ['captions', { splits: { train: [{ id: 'a', captions: ['a cat asleep'] }] } }],
    [
      'novel classes',
      {
        classes: [
          { name: 'cat', novel: false },
          { name: 'dog', novel: true },
        ],
      },
    ],
    ['no classes', { classes: [], splits: { train: [{ id: 'a', captions: ['a cat'] }] } }],
  ])('stays whole with %s', async (_, more) => {
    const { recipe, reasons } = await derived({ dataset: photos(more) });
    expect(recipe.student.tokens).toBeUndefined();
    expect(reasons).toContain("keeps the teacher's whole vocabulary");
  });

  it('stays whole where the tokenizer cannot be cut', async () => {
    const other = { ...tokenizer, json: { ...tokenizer.json, model: { type: 'Unigram', vocab: {} } } };
    const { recipe } = await derived({ teacher: { ...teacher, tokenizer: other } });
    expect(recipe.student.tokens).toBeUndefined();
  });
});
