import { z } from 'zod';
import { augmentOptions } from '../augment/index.js';
import { subsetFields } from '../data/index.js';

import { classTemplates } from '../prompt/index.js';
import { engineFields, evaluationFields } from '../train/index.js';

const positive = z.number().positive();
const count = z.int().positive();
const steps = z.int().min(0);
const beta = z.number().min(0).max(0.9999);

/** One tower by Hugging Face's names; the MLP is four times as wide as the tower unless said otherwise. */
const tower = (width: number, layers: number, heads: number) => ({
  hidden_size: count.default(width),
  intermediate_size: count.optional(),
  num_hidden_layers: count.default(layers),
  num_attention_heads: count.default(heads),
});

/** Architecture of a model that starts from random weights. */
const modelSchema = z.strictObject({
  projection_dim: count.default(256),
  hidden_act: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
  vision: z
    .strictObject({ image_size: count.default(48), patch_size: count.default(8), ...tower(256, 6, 4) })
    .prefault({}),
  text: z
    .strictObject({
      ...tower(192, 3, 4),
      /** Tokens a text, start and end included. */
      max_position_embeddings: count.min(3).default(16),
      /** Largest vocabulary of the tokenizer, which is trained on the captions. */
      vocab_size: count.default(1024),
    })
    .prefault({}),
});

const optimizerSchema = z.strictObject({
  lr: positive.default(1e-3),
  /** Where the cosine ends. */
  final_lr: z.number().min(0).default(1e-5),
  warmup_steps: steps.default(300),
  /** On matrices only. */
  weight_decay: z.number().min(0).default(0.1),
  beta1: beta.default(0.9),
  beta2: beta.default(0.98),
  epsilon: positive.default(1e-6),
  /** Largest norm of the whole gradient. */
  clip: positive.default(1),
});

/** `promptkd pretrain`: a CLIP model by contrastive learning, from scratch or further. */
export const pretrainRecipe = z.strictObject({
  data: z
    .strictObject({
      /** `emoji`, or `folder:DIR`. */
      dataset: z.string().default('emoji'),
      split: z.string().default('train'),
      ...subsetFields,
    })
    .prefault({}),
  seed: steps.default(1),
  /** Checkpoint folder or hub id to train further; `model` is not looked at then. */
  from: z.string().optional(),
  /** Side of the images when training further, if not the checkpoint's: small images first saves most of the time. */
  image_size: count.optional(),
  /** Tokens a text when training further, if more than the checkpoint's. */
  context: count.optional(),
  model: modelSchema.prefault({}),
  steps: count.default(12_000),
  /** Train about this long instead: the steps are counted once, by timing a few of them. */
  minutes: positive.optional(),
  /** Drawings a contrastive batch, each with one of its captions. */
  batch: count.min(2).default(128),
  optimizer: optimizerSchema.prefault({}),
  label_smoothing: z.number().min(0).max(0.9).default(0),
  augment: augmentOptions.prefault({}),
  ...engineFields,
  ema: engineFields.ema.unwrap().default(0.999),
  /** Steps between saved states. */
  checkpoint_every: count.default(200),
  evaluation: z
    .strictObject({
      /** Steps between evaluations; 0: none. */
      every: steps.default(500),
      ...evaluationFields,
    })
    .prefault({}),
  /**
   * Class texts, `{}` or `[OBJ]` standing for the name, or the name of a published ensemble: captions of images of which the
   * data says their class alone, and what evaluations ask by. Left out: what the images are, and what `from` was trained with,
   * say it (`trainingTemplates`); the recipe as run names them.
   */
  templates: classTemplates.optional(),
});

/** A checked recipe of `pretrain`, complete. */
export type PretrainRecipe = z.infer<typeof pretrainRecipe>;
