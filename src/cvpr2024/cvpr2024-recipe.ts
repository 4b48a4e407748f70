import { z } from 'zod';
import { augmentBlock } from '../augment/index.js';
import { subsetFields } from '../data/index.js';
import { classTemplates } from '../prompt/index.js';
import { engineFields } from '../train/index.js';

const share = z.number().min(0);
const positive = z.number().positive();
const count = z.int().positive();

/** SGD with momentum; a first epoch at a constant rate, then half a cosine, one rate an epoch. */
const training = (epochs: number, batch: number, lr: number) => ({
  epochs: count.default(epochs),
  batch: count.default(batch),
  lr: positive.default(lr),
  /** Rate of the first epoch. */
  warmup_lr: positive.default(1e-5),
  momentum: share.max(0.9999).default(0.9),
  weight_decay: share.default(5e-4),
});

/**
 * PromptKD as published at CVPR 2024 (Li et al., arXiv 2403.02781); every default is that of the paper's code for a ViT-L/14
 * teacher. What differs is listed in docs/cvpr2024.md.
 */
export const cvpr2024Recipe = z.strictObject({
  data: z
    .strictObject({
      dataset: z.string().default('emoji'),
      split: z.string().default('train'),
      ...subsetFields,
      /** Splits that accuracy is measured on: classes that the teacher's labels are of, and the others. */
      base: z.string().default('test'),
      novel: z.string().default('novel'),
    })
    .prefault({}),
  /**
   * The cross-data-set setting: data sets that are distilled on and measured instead, each with the teacher tuned on
   * `data`. All their classes are told apart; no label of theirs is used.
   */
  transfer: z
    .array(
      z.strictObject({
        dataset: z.string(),
        split: z.string().default('train'),
        /** Split that accuracy is measured on. */
        test: z.string().default('test'),
      }),
    )
    .default([]),
  /**
   * Data sets on which the models from base to novel classes are measured as well, without distilling on them: top-1 where
   * images have classes, R@1 otherwise.
   */
  beyond: z.array(z.strictObject({ dataset: z.string(), test: z.string().default('test') })).default([]),
  seed: z.int().default(1),
  /** How many seeds, from `seed` on, the figures are a mean of. */
  seeds: count.default(3),
  /**
   * Deep prompts: vectors a layer, and layers from the first, of the teacher's towers and of the student's; a tower with
   * fewer layers has all of them prompted.
   */
  prompts: z
    .strictObject({
      n_ctx: count.default(4),
      depth: count.default(9),
      /** 3 in the published cross-data-set setting. */
      student_depth: count.default(9),
      /** Words whose first `n_ctx` tokens the teacher's first text prompts start as; '': at random. */
      context: z.string().default('a photo of a'),
    })
    .prefault({}),
  /** Teacher prompt tuning on a few labelled images of the base classes. */
  tuning: z
    .strictObject({
      ...training(20, 8, 5e-3),
      /** Classes told apart in a step: those of its labels and others by lot, which take less memory. Left out: all. */
      classes_per_step: count.optional(),
      /** Labelled images a class. */
      shots: count.default(16),
      /**
       * Templates of the frozen model's class features, their mean; `{}` or `[OBJ]` stands for the class name. A list, or the
       * name of a published ensemble: PromptSRC's 60 of ImageNet's.
       */
      templates: classTemplates.prefault('promptsrc-imagenet'),
      /** PromptSRC's regularisers. */
      weights: z
        .strictObject({ text: share.default(25), image: share.default(10), logits: share.default(1) })
        .prefault({}),
      /** Epochs that the averaged prompts are of: a normal density over 1 … epochs. */
      average: z.strictObject({ mean: positive.default(15), deviation: positive.default(1) }).prefault({}),
    })
    .prefault({}),
  /** Unlabelled distillation into the student's visual prompts and projector. */
  distillation: z
    .strictObject({
      ...training(20, 8, 5e-3),
      temperature: positive.default(1),
      /** Weight of ΣKL / (images · classes). Published: 200 for FGVC Aircraft, Oxford Flowers and DTD, 1000 for all others. */
      kd_weight: positive.default(1000),
      /**
       * Whose images and names the student learns from, without labels: all classes' (of `train`, also those of
       * novel classes, kept aside), as published, or the base classes' alone.
       */
      classes: z.enum(['all', 'base']).default('all'),
      /** Live: a new view every epoch, as published. Stored: the teacher sees `views` views of an image once, for all epochs. */
      targets: z.enum(['live', 'stored']).default('live'),
      views: count.default(4),
      /** Largest norm of the gradient; left out: any. */
      clip: positive.optional(),
    })
    .prefault({}),
  /** Bicubic random resized crop and flip alone, unless the recipe asks for more. */
  augment: augmentBlock('crop').prefault({}),
  ...engineFields,
});

/** A checked recipe of `cvpr2024`, complete. */
export type Cvpr2024Recipe = z.infer<typeof cvpr2024Recipe>;
