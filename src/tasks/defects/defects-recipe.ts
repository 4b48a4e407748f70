import { z } from 'zod';
import { engineFields } from '../../train/index.js';
import { taskDtypes } from '../stored-weights.js';
import { modes } from './detector.js';

const count = z.int().positive();
const positive = z.number().positive();

/** `promptkd defects fit`: a detector for one product. */
export const defectsRecipe = z.strictObject({
  data: z
    .strictObject({
      /** See `openDefectData`. */
      dataset: z.string().default('surfaces'),
      /** Left out: the data has one. */
      product: z.string().optional(),
    })
    .prefault({}),
  seed: z.int().min(0).default(0),
  mode: z.enum(modes).default('few-shot'),
  /** How the exported file stores matrices: the detector is fitted with the values that it stores. */
  dtype: z.enum(taskDtypes).default('fp32'),
  /** Side in pixels that an image is resized to; left out: four times the model's. */
  side: count.optional(),
  /** Share of a tile that it has in common with the next one. */
  overlap: z.number().min(0).max(0.9).default(0),
  /** Of patch tokens, from 1; left out: two thirds up, and the last one. */
  layers: z.array(count).min(1).optional(),
  /** Sound images that are remembered, of which so large a share of patches is kept; the others set the threshold. */
  shots: count.default(8),
  coreset: z.number().gt(0).max(1).default(0.2),
  /** Wanted of 1,000 sound images. */
  false_alarms: z.number().min(0).max(1000).default(10),
  /** Of `tuned`: prompts that are learned from other products. */
  tuning: z
    .strictObject({
      /** Sound and defective images of other products; their masks are learned from where no teacher is given. */
      dataset: z.string().default('surfaces-other'),
      /** Prompt vectors before `object` and `damaged object`. */
      n_ctx: count.default(8),
      /** Whether a linear map a layer is learned, too, in place of the model's own projection. */
      adapters: z.boolean().default(true),
      steps: count.default(200),
      /** Images a batch. */
      batch: count.default(8),
      lr: positive.default(2e-3),
      warmup_steps: z.int().min(0).default(10),
      weight_decay: z.number().min(0).default(0.01),
      /** Weights of the focal, the Dice and, with a teacher, the distillation loss. */
      weights: z
        .strictObject({
          focal: z.number().min(0).default(1),
          dice: z.number().min(0).default(1),
          distil: z.number().min(0).default(1),
        })
        .prefault({}),
    })
    .prefault({}),
  ...engineFields,
  checkpoint_every: count.default(50),
});

/** A checked recipe of `defects fit`, complete. */
export type DefectsRecipe = z.infer<typeof defectsRecipe>;
