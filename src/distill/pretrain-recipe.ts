import { z } from 'zod';

const positive = z.number().positive();
const share = z.number().min(0).max(1);
const count = z.number().int().positive();

const tower = (width: number, layers: number, heads: number) => ({
  width: count.default(width),
  layers: count.default(layers),
  heads: count.default(heads),
});

/** Architecture of a model that is trained from random weights. */
const modelSchema = z.strictObject({
  /** Width of the joint space. */
  projection: count.default(256),
  activation: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
  vision: z
    .strictObject({ image_size: count.default(48), patch_size: count.default(8), ...tower(256, 6, 4) })
    .prefault({}),
  text: z
    .strictObject({
      ...tower(192, 3, 4),
      /** Tokens a text, start and end included. */
      context: count.default(16),
      /** Largest vocabulary of the tokenizer, which is trained on the captions. */
      vocabulary: count.default(1024),
    })
    .prefault({}),
});

const optimizerSchema = z.strictObject({
  learning_rate: positive.default(1e-3),
  /** Where the cosine ends. */
  final_learning_rate: z.number().nonnegative().default(1e-5),
  warmup_steps: z.number().int().nonnegative().default(300),
  weight_decay: z.number().nonnegative().default(0.1),
  beta1: share.default(0.9),
  beta2: share.default(0.98),
  epsilon: positive.default(1e-6),
  /** Largest norm of the whole gradient. */
  clip_norm: positive.default(1),
});

/** Random changes of a training picture; a strength or share of 0 switches one off. */
export const augmentationSchema = z.strictObject({
  /** Smallest share of the picture's area that a random crop keeps. */
  scale: share.default(0.5),
  flip: share.default(0.5),
  /** Largest rotation in degrees. */
  rotation: z.number().min(0).max(180).default(15),
  /** Strength of brightness, contrast and saturation changes. */
  jitter: share.default(0.4),
  grayscale: share.default(0.1),
  /** Share of pictures of which a random rectangle is erased. */
  erasing: share.default(0.25),
  /** Transparent drawings get a random background instead of a white one. */
  background: z.boolean().default(true),
});

/** `promptkd pretrain`: a CLIP model by contrastive learning, from scratch or further. */
export const pretrainRecipeSchema = z.strictObject({
  /** `emoji`, or `folder:DIR`. */
  data: z.string().default('emoji'),
  split: z.string().default('train'),
  seed: z.number().int().nonnegative().default(1),
  /** Checkpoint folder to train further; `model` is not looked at then. */
  from: z.string().optional(),
  model: modelSchema.prefault({}),
  steps: count.default(10_000),
  /** Train about this long instead: the steps are counted once, by timing a few of them. */
  minutes: positive.optional(),
  /** Drawings a contrastive batch, each with one of its captions. */
  batch: count.min(2).default(128),
  /** Batches a step, of which the gradients are averaged. */
  accumulate: count.default(1),
  optimizer: optimizerSchema.prefault({}),
  label_smoothing: z.number().min(0).max(0.9).default(0),
  augmentation: augmentationSchema.prefault({}),
  /** Decay of the average of the weights that becomes the model. */
  ema: z.number().min(0).max(0.99999).default(0.999),
  /** Steps between saved states. */
  checkpoint_every: count.default(200),
  evaluation: z
    .strictObject({
      split: z.string().default('val'),
      every: count.default(500),
      drawings: count.default(512),
      template: z.string().includes('{}').default('a drawing of {}'),
    })
    .prefault({}),
});

export type PretrainRecipe = z.infer<typeof pretrainRecipeSchema>;
