import type { Checkpoint } from '../clip/checkpoint/checkpoint.js';
import { parseClipConfig } from '../clip/config.js';
import { clipPreprocess } from '../clip/preprocess/preprocess-config.js';
import { trainTokenizer } from '../clip/tokenizer/bpe-trainer.js';
import { tokenizerFromJson } from '../clip/tokenizer/tokenizer.js';
import { initClip } from '../clip/towers/initialise.js';
import type { Example, ImageTextDataset } from '../data/index.js';
import { distillRecipe } from '../distill/recipe.js';

export const compileOptions = { threads: 1 };
const colours: Record<string, number[]> = {
  red: [230, 30, 30],
  green: [30, 200, 60],
  blue: [30, 60, 220],
  grey: [120, 120, 120],
  gold: [220, 180, 20],
};
const names = Object.keys(colours);

export const dataset: ImageTextDataset = {
  name: 'colours',
  kind: 'drawings',
  classes: names.map((name) => ({ name, novel: name === 'gold' })),
  splits: { train: examples(3) },
  load: async ({ id, label }) => {
    const shade = id.length % 3;
    const data = new Uint8Array(16 * 16 * 3).map((_, i) => (i % 5 === shade ? 255 : colours[names[label!]!]![i % 3]!));
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

export const tokenizer = tokenizerFromJson(
  trainTokenizer(
    names.map((n) => `a drawing of ${n} stripes thing`),
    540,
  ),
);
/** One that cuts the same texts into other tokens. */
export const otherTokenizer = tokenizerFromJson(trainTokenizer(['gold thin lines', 'nothing read or drawn'], 530));
const tower = { hidden_size: 24, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 2 };
export const config = parseClipConfig({
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
export const teacher: Checkpoint = { config, params: initClip(config, 4), preprocess: clipPreprocess(16), tokenizer };

const small = { hidden_size: 12, intermediate_size: 24, num_attention_heads: 2 };
/** For tests that run whole distillations again and again: a student of one block in each tower. */
export const oneBlock = {
  vision: { ...small, num_hidden_layers: 1, patch_size: 8 },
  text: { ...small, num_hidden_layers: 1 },
};
export const recipe = (more: object = {}) =>
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
