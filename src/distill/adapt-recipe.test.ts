import { describe, expect, it } from 'vitest';
import { parseClipConfig } from '../clip/config.js';
import { type AdaptOptions, adaptRecipe } from './adapt-recipe.js';
import { type DistillRecipe, distillRecipe } from './recipe.js';
import { studentConfig } from './student/student.js';
import { parametersOf } from './student/student-size.js';
import { storeCost } from './targets/store-choice.js';

/** openai/clip-vit-base-patch32. */
const large = parseClipConfig({
  projection_dim: 512,
  text_config: {
    ...{ hidden_size: 512, intermediate_size: 2048, num_hidden_layers: 12, num_attention_heads: 8 },
    ...{ vocab_size: 49408, max_position_embeddings: 77, bos_token_id: 49406, eos_token_id: 49407 },
  },
  vision_config: {
    ...{ hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12 },
    ...{ image_size: 224, patch_size: 32 },
  },
});
const teacher = { config: large, inner: true };

/** The recipe as it would be run: what was set, and the adapted fields elsewhere. */
function adapted(set: object = {}, more: Partial<AdaptOptions> = {}) {
  const { fields, reasons } = adaptRecipe(distillRecipe.parse(set), { teacher, images: 3000, ...more });
  const tree = structuredClone(set) as Record<string, unknown>;
  for (const [path, value] of Object.entries(fields)) {
    const names = path.split('.');
    const last = names.pop()!;
    let at = tree;
    for (const name of names) {
      at[name] ??= {};
      at = at[name] as Record<string, unknown>;
    }
    at[last] ??= value;
  }
  const recipe = distillRecipe.parse(tree);
  return { recipe, reasons: reasons.join('\n'), config: studentConfig(recipe, large) };
}

const bytesOf = (recipe: DistillRecipe) => {
  const pairs = (recipe.losses.layers as [number, number][]).map(([student, t]) => ({ student, teacher: t }));
  return storeCost(recipe, teacher, pairs, 3000).bytes;
};

describe('adaptRecipe', () => {
  it('cuts a student out of the teacher, warms it up by features, and lowers the rates with its width', () => {
    const { recipe, config, reasons } = adapted();
    expect(config.vision_config).toMatchObject({ hidden_size: 288, num_hidden_layers: 6, num_attention_heads: 6 });
    expect(config.text_config).toMatchObject({ hidden_size: 128, num_hidden_layers: 6, num_attention_heads: 2 });
    const { warmup, joint } = recipe.phases;
    expect([warmup.losses, recipe.augment.background]).toEqual([['feature'], false]);
    expect(recipe.texts.classes_per_step).toBe(256);
    expect(warmup.lr).toBeCloseTo((8e-3 * 80) / 288, 4);
    expect(joint.lr).toBeCloseTo((3e-3 * 80) / 288, 4);
    expect(reasons).toContain(`${parametersOf(config).toLocaleString('en-GB')} parameters`);
  });

  it('factorises a token table that is a large part of a student that reads any text, and keeps a small one whole', () => {
    const { recipe, reasons } = adapted({}, { factorise: true });
    expect(recipe.student.tokens).toBe('factorised');
    expect(reasons).toContain('Token table: 1,585,152 of these parameters, as the product of two factors of rank 32');
    expect(reasons).toContain('(whole: 6,324,224)');
    const whole = adapted();
    expect(whole.recipe.student.tokens).toBeUndefined();
    const count = (of: string) => Number(/([\d,]+) parameters \(/.exec(of)![1]!.replaceAll(',', ''));
    expect(count(whole.reasons) - count(reasons)).toBe(6_324_224 - 1_585_152);
    const few = { config: { ...large, text_config: { ...large.text_config, vocab_size: 2000 } }, inner: true };
    expect(adapted({}, { factorise: true, teacher: few }).recipe.student.tokens).toBeUndefined();
    expect(adapted({ student: { tokens: 'all' } }, { given: { 'student.tokens': 'all' } }).recipe.student.tokens).toBe(
      'all',
    );
  });

  it('trains longer, and a larger student, by preset; more steps on more images, within bounds', () => {
    const of = (preset: 'quick' | 'balanced' | 'best', images = 3000) => {
      const { recipe, config } = adapted({}, { wish: { preset }, images });
      const { warmup, prompt, joint } = recipe.phases;
      return { steps: warmup.steps + prompt.steps + joint.steps, width: config.vision_config.hidden_size };
    };
    expect([of('quick'), of('balanced'), of('best')]).toEqual([
      { steps: 1172, width: 192 },
      { steps: 4219, width: 288 },
      { steps: 25313, width: 384 },
    ]);
    expect([of('balanced', 100).steps, of('balanced', 1e6).steps]).toEqual([1200, 10000]);
  });

  it('keeps the teacher targets of a ViT-B/32 for 3,000 photos below 1 GB, and below what is asked for', () => {
    const usual = adapted().recipe;
    expect(bytesOf(usual)).toBeLessThan(1e9);
    expect(bytesOf({ ...usual, views: usual.views + 1 })).toBeGreaterThan(1e9);
    const roomy = adapted({}, { wish: { maxStore: 3e9 } }).recipe;
    expect(bytesOf(roomy)).toBeLessThan(3e9);
    expect(roomy.views * roomy.losses.layers.length).toBeGreaterThan(usual.views * usual.losses.layers.length);
    expect(usual.losses.layers.at(-1)).toEqual([6, 12]);
  });

  it('finds the largest student below a limit, and refuses one that no student keeps', () => {
    const most = 8_000_000;
    const { config } = adapted({}, { wish: { maxParameters: most } });
    expect(parametersOf(config)).toBeLessThan(most);
    expect(parametersOf(config)).toBeGreaterThan(most / 2);
    expect(adapted({}, { wish: { maxBytes: 4 * most } }).config).toEqual(config);
    const refused = (set: object, more: Partial<AdaptOptions>) => expect(() => adapted(set, more));
    const tiny = { wish: { maxParameters: 1000 } };
    refused({}, tiny).toThrow(
      /--max-parameters.*expected at least .* got 1,000: it keeps all tokens of its teacher, --set student\.tokens=task/,
    );
    refused({}, { ...tiny, vocabulary: 300 }).toThrow(/got 1,000$/);
    const wide = { student: { vision: { hidden_size: 200 } } };
    refused(wide, { ...tiny, given: { 'student.vision.hidden_size': 200 } }).toThrow(
      /got 1,000: leave out student\.vision\.hidden_size, which/,
    );
    refused({}, { wish: { maxParameters: most, size: 'tiny' } }).toThrow(/^--size tiny: a limit .* leave out one/);
  });

  it('refuses a limit of the store below one view, and says so where that is more than the usual one', () => {
    expect(() => adapted({}, { wish: { maxStore: 1e6 } })).toThrow(
      /^--max-store: expected at least 0\.\d+ GB for the teacher targets, .* got 0\.0010 GB: less takes --set targets/,
    );
    const eight = { wish: { maxStore: 1e8 }, given: { views: 8 } };
    expect(() => adapted({ views: 8 }, eight)).toThrow(
      /^--max-store: .* the views and layers that are set take .* got 0\.10 GB/,
    );
    expect(adapted({ views: 8 }, { ...eight, wish: { maxStore: 1e11 } }).recipe.views).toBe(8);
    expect(adapted({}, { images: 300_000 }).reasons).toMatch(
      /one view of the last layers is the least, more than the usual 1\.0 GB/,
    );
  });

  it('fits what it chooses to fields that are set', () => {
    const set = { student: { vision: { hidden_size: 200 } }, views: 1 };
    const given = { 'student.vision.hidden_size': 200, views: 1 };
    const { recipe, config } = adapted(set, { given });
    expect(config.vision_config).toMatchObject({ hidden_size: 200, intermediate_size: 600, num_attention_heads: 4 });
    expect(recipe).toMatchObject({ views: 1, losses: { layers: 'even' } });
  });

  it('looks at the student a dozen times, however long the phases are that are set', () => {
    const every = (set: object, given: Record<string, unknown>) => adapted(set, { given }).recipe.evaluation.every;
    const short = { warmup: { steps: 60 }, prompt: { steps: 0 }, joint: { steps: 60 } };
    const steps = { 'phases.warmup.steps': 60, 'phases.prompt.steps': 0, 'phases.joint.steps': 60 };
    expect(every({ phases: short }, steps)).toBe(10);
    // 3,000 images in batches of 64: 47 steps a pass; warm-up and prompts as they are chosen, 2,616 and 211 steps.
    expect(every({ phases: { joint: { epochs: 2 } } }, { 'phases.joint.epochs': 2 })).toBe(
      Math.ceil((2616 + 211 + 94) / 12),
    );
  });

  it('keeps the published rates for a student that is pre-trained', () => {
    const { recipe, reasons } = adapted({ student: { init: 'given', checkpoint: 'my-clip' } }, { student: large });
    expect(recipe.phases).toMatchObject({
      warmup: { steps: 0 },
      prompt: { lr: 5e-4 },
      joint: { steps: 2000, lr: 1e-5 },
    });
    expect(reasons).toContain('published');
    expect(bytesOf(recipe)).toBeLessThan(1e9);
  });
});
