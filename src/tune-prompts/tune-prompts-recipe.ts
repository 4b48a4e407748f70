import { z } from 'zod';
import { augmentBlock, augmentOptions } from '../augment/index.js';
import { subsetFields } from '../data/index.js';
import { classTemplate, promptsSchema } from '../prompt/index.js';
import { engineFields, evaluationFields } from '../train/index.js';

const weight = z.number().min(0);
const positive = z.number().positive();
const count = z.int().positive();

/** `promptkd tune-prompts`: a prompt encoder for a frozen model, from labelled images or from images alone. */
export const tunePromptsRecipe = z.strictObject({
  data: z
    .strictObject({ dataset: z.string().default('emoji'), split: z.string().default('train'), ...subsetFields })
    .prefault({}),
  seed: z.int().min(0).default(0),
  /** Labels are not looked at: the model's own answers stand for them. */
  unlabelled: z.boolean().default(false),
  steps: count.default(300),
  /** Images a batch, each in a weak and a strong view. */
  batch: count.default(32),
  lr: positive.default(1e-3),
  warmup_steps: z.int().min(0).default(20),
  weight_decay: weight.default(0.01),
  prompts: promptsSchema.prefault({}),
  /** Classes told apart in a step: those of its labels and others by lot. */
  classes_per_step: count.min(2).default(512),
  /** Which pseudo-labels are taken; see `pseudoLabels`. */
  pseudo: z
    .strictObject({ threshold: z.number().min(0).max(1).default(0.5), per_class: count.default(16) })
    .prefault({}),
  /** Weights of the losses beside the cross-entropy; see `tunePromptsTask`. */
  weights: z
    .strictObject({
      anchor: weight.default(3),
      consistency: weight.default(1),
      entropy: weight.default(0.1),
      diversity: weight.default(0.1),
      penalty: weight.default(0.01),
    })
    .prefault({}),
  weak: augmentBlock('crop').prefault({ scale: 0.8 }),
  strong: augmentOptions.prefault({}),
  ...engineFields,
  checkpoint_every: count.default(50),
  evaluation: z
    .strictObject({
      /** Steps between evaluations of the model with its prompts; 0: none. */
      every: z.int().min(0).default(0),
      ...evaluationFields,
    })
    .prefault({}),
  /**
   * Texts of a class, one of them drawn a step; all of them together make pseudo-labels. Left out: those that the model was
   * trained with, otherwise those for what the images are (`usualTemplates`); the recipe as run names them.
   */
  templates: z.array(classTemplate).min(1).optional(),
});

/** A checked recipe of `tunePrompts`, complete. */
export type TunePromptsRecipe = z.infer<typeof tunePromptsRecipe>;
