import { z } from 'zod';
import { engineFields } from '../../../train/index.js';

const positive = z.number().positive();
const weight = z.number().min(0);
const count = z.int().positive();

/** `promptkd vqa train`: a head on a frozen model that answers questions. */
export const vqaRecipe = z.strictObject({
  data: z
    .strictObject({
      dataset: z.string().default('emoji-vqa'),
      split: z.string().default('train'),
      /** Questions that are trained on, drawn by lot; left out: all. */
      questions: count.optional(),
    })
    .prefault({}),
  seed: z.int().min(0).default(0),
  steps: count.default(2000),
  /** Questions a step. */
  batch: count.default(32),
  lr: positive.default(2e-3),
  warmup_steps: z.int().min(0).default(100),
  weight_decay: weight.default(0.05),
  head: z
    .strictObject({
      width: count.default(96),
      layers: z.int().min(1).max(2).default(2),
      heads: count.default(4),
      intermediate_size: count.default(192),
      /**
       * Layer of the vision tower whose patch tokens are read, from 1. Left out: the last but one. The class token alone is trained of
       * the last, and its patches tell less.
       */
      vision_layer: count.optional(),
    })
    .prefault({}),
  /** Which answers are learned: VQAv2's usual 3,129 are those of 9 questions or more. */
  answers: z.strictObject({ min_count: count.default(9), most: count.default(3129) }).prefault({}),
  /** No image is seen: the baseline by the questions alone. */
  blind: z.boolean().default(false),
  /** Weights of the losses. Those of the teacher count where one is given. */
  losses: z
    .strictObject({
      /** Soft targets of the human answers: sigmoid cross-entropy. */
      answers: weight.default(1),
      /** The teacher's decisions: binary KL divergence at this temperature. */
      logits: weight.default(1),
      temperature: positive.default(1),
      /** Mean squared distance of the cross-attention maps. */
      attention: weight.default(100),
    })
    .prefault({}),
  ...engineFields,
  checkpoint_every: count.default(500),
  evaluation: z
    .strictObject({
      /** Steps between evaluations; 0: none. */
      every: z.int().min(0).default(500),
      split: z.string().default('val'),
      /** Questions of it that are asked, the same each time. */
      questions: count.default(1000),
      patience: count.optional(),
    })
    .prefault({}),
});

/** A checked recipe of `vqa train`, complete. */
export type VqaRecipe = z.infer<typeof vqaRecipe>;
