import { z } from 'zod';
import { engineFields } from '../../../train/index.js';

const positive = z.number().positive();
const weight = z.number().min(0);
const count = z.int().positive();

/** `promptkd medical-report index`: a head for findings on a frozen model, its calibration, and an index of sentences. */
export const reportIndexRecipe = z.strictObject({
  data: z
    .strictObject({
      /** Studies with reports; see `openStudies`. */
      dataset: z.string().default('phantoms'),
      /** Studies that are learned from and quoted. */
      split: z.string().default('train'),
      /** Studies that probabilities and thresholds are fitted on; none of them is learned from. */
      calibrate: z.string().default('val'),
      /** Of the split, drawn by lot; left out: all. */
      studies: count.optional(),
    })
    .prefault({}),
  seed: z.int().min(0).default(0),
  steps: count.default(600),
  /** Images a step. */
  batch: count.default(32),
  lr: positive.default(2e-3),
  warmup_steps: z.int().min(0).default(50),
  weight_decay: weight.default(0.05),
  head: z
    .strictObject({
      width: count.default(32),
      /** Layer of the vision tower whose patch tokens are read, from 1. Left out: the last but one. */
      layer: count.optional(),
    })
    .prefault({}),
  losses: z
    .strictObject({
      /** Cross-entropy with what the reports say; what they doubt is left out. */
      labels: weight.default(1),
      /** Cross-entropy with the teacher's calibrated probabilities, where a teacher is given. */
      teacher: weight.default(1),
    })
    .prefault({}),
  /** A finding is said to be absent where at most this share of the held-out studies has it all the same. */
  missed: z.number().min(0).max(0.5).default(0.05),
  /** The least probability from which a finding is said to be there, however good a lower threshold's F1 is. */
  sure: z.number().min(0).max(1).default(0.5),
  ...engineFields,
  checkpoint_every: count.default(200),
});
/** A checked recipe of `medical-report index`, complete. */
export type ReportIndexRecipe = z.infer<typeof reportIndexRecipe>;
