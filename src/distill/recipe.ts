import { z } from 'zod';
import { augmentOptions } from '../augment/index.js';
import { subsetFields } from '../data/index.js';
import { classTemplate, promptsSchema } from '../prompt/index.js';
import { engineFields, evaluationFields } from '../train/index.js';
import { lossNames, lossSections } from './losses/index.js';
import { targetPrecisions } from './targets/target-layout.js';
import { fusionSection, teacherSection } from './teachers/teachers-recipe.js';

const share = z.number().min(0);
const positive = z.number().positive();
const count = z.number().int().positive();
const steps = z.number().int().min(0);

/** One tower; every field has a default of its own, so that any can be set alone. */
const tower = (width: number, inner: number, layers: number, heads: number) => ({
  hidden_size: count.default(width),
  intermediate_size: count.default(inner),
  num_hidden_layers: count.default(layers),
  num_attention_heads: count.default(heads),
});

/** The student's towers; what is left out (vocabulary, joint space, activation) is the teacher's. */
const studentSchema = z.object({
  /** How the student starts: cut out of the teacher, at random, or from a checkpoint. */
  init: z.enum(['inherit', 'random', 'given']).default('inherit'),
  /** Checkpoint folder or hub id for `init: given`; its shape is then the student's. */
  checkpoint: z.string().optional(),
  /** Which teacher layers an inherited student takes. */
  inherit_layers: z.enum(['even', 'importance']).default('even'),
  /**
   * What an inherited student's narrower residual streams carry: the principal components of the teacher's, over training
   * images and texts, or its channels of the largest weights.
   */
  inherit_channels: z.enum(['principal', 'importance']).default('principal'),
  /**
   * Its token table: all of the teacher's tokens; those that this data's classes, templates and captions need, so that it reads
   * other texts in smaller pieces; or all as the product of two factors. Left out: all.
   */
  tokens: z.enum(['all', 'task', 'factorised']).optional(),
  /** Rank of the factors of a factorised table; left out: a quarter of the text tower's width. */
  token_rank: count.optional(),
  projection_dim: count.optional(),
  vision: z
    .object({ ...tower(96, 384, 3, 4), image_size: count.optional(), patch_size: count.optional() })
    .prefault({}),
  text: z.object({ ...tower(64, 256, 2, 4), max_position_embeddings: count.optional() }).prefault({}),
});

const textsSchema = z.object({
  /**
   * Class prompts; `{}` or `[OBJ]` stands for the class name. One is drawn a class and step. Left out: what the images are, and
   * what the teacher was trained with, say it (`trainingTemplates`); the recipe as run names them.
   */
  templates: z.array(classTemplate).min(1).optional(),
  /** How often each template is drawn, in proportion; left out: all alike. */
  weights: z.array(positive).optional(),
  /** Classes a step; all of them where there are fewer. */
  classes_per_step: count.default(64),
  /** Of those, how many come from each drawing's nearest by the teacher, in turn; the rest are drawn at random. */
  teacher_top_k: z.number().int().min(0).default(3),
  /** One caption of each drawing is a text of the step too. */
  captions: z.boolean().default(true),
});

const lossesSchema = z.object({
  /** Mapped layers: `even`, `last`, `none` (final embeddings alone), or pairs [student, teacher] that count from 1. */
  layers: z.union([z.enum(['even', 'last', 'none']), z.array(z.tuple([count, count])).min(1)]).default('even'),
  ...lossSections,
});

const phase = (defaults: { steps: number; lr: number }) =>
  z
    .object({
      steps: steps.default(defaults.steps),
      /** Passes over the data, in place of `steps`. */
      epochs: z.number().min(0).optional(),
      lr: positive.default(defaults.lr),
      warmup_steps: steps.default(50),
      /**
       * Share of the student's patches that each step leaves out, by lot, to save time; what compares layers and maps then compares
       * the kept ones. A phase of whole images must follow, for the student to know them.
       */
      drop_patches: share.max(0.95).default(0),
      /** Side of the student's images in this phase, to save time, if smaller than its own. */
      image_size: count.optional(),
      /**
       * How many of each tower's first layers stand still in this phase, with the embeddings below them: their gradients are not
       * computed, which saves time where they have learned enough before.
       */
      freeze_layers: z.object({ vision: steps.default(0), text: steps.default(0) }).prefault({}),
      /** Losses used in this phase; one that is switched off under `losses` stays off. */
      losses: z.array(z.enum(lossNames)).min(1).default(lossNames),
    })
    .prefault({});

/** What one distillation is: read from YAML, every field with its default, written back whole with the run. */
export const distillRecipe = z.object({
  /** `promptkd`: the dual-stream method; `kd`: logits alone, without prompts. */
  method: z.enum(['promptkd', 'kd']).default('promptkd'),
  data: z
    .object({ dataset: z.string().default('emoji'), split: z.string().default('train'), ...subsetFields })
    .prefault({}),
  seed: z.number().int().default(0),
  /** Drawings a batch. */
  batch: count.default(128),
  /** Several teachers, the first of which gives the student its tokenizer and, where it inherits, its start; empty: the one given. */
  teachers: z.array(teacherSection).default([]),
  fusion: fusionSection,
  student: studentSchema.prefault({}),
  texts: textsSchema.prefault({}),
  prompts: promptsSchema.prefault({}),
  losses: lossesSchema.prefault({}),
  coordination: z
    .object({
      /** Largest norm of the feature loss's gradient; 0 leaves it alone, and saves its backward pass. */
      clip: share.default(1),
      /** γ, the factor on the attention losses' gradient. */
      gamma: share.default(0.7),
    })
    .prefault({}),
  phases: z
    .object({
      warmup: phase({ steps: 0, lr: 5e-4 }),
      prompt: phase({ steps: 500, lr: 5e-4 }),
      joint: phase({ steps: 2000, lr: 1e-5 }),
    })
    .prefault({}),
  /** The baseline, `method: kd`: T² KL on the same texts and images. */
  kd: z
    .object({
      init: z.enum(['inherit', 'random', 'given']).default('random'),
      lr: positive.default(1e-3),
      warmup_steps: steps.default(50),
      temperature: positive.default(2),
      /** Left out: as many as all phases of `promptkd` together, so that both see the same images. */
      steps: steps.optional(),
      /** Also the KL over the images of each text. */
      both_ways: z.boolean().default(false),
    })
    .prefault({}),
  optimizer: z
    .object({
      weight_decay: share.default(0.01),
      beta1: share.max(0.9999).default(0.9),
      beta2: share.max(0.9999).default(0.98),
    })
    .prefault({}),
  /** Augmented views a drawing whose teacher targets are stored; an epoch uses one of them. */
  views: count.default(4),
  /** How the teacher's layers and maps are stored: less of them takes less disk, and says less. */
  targets: z
    .object({
      /** `fp8`: half the size, each number kept to a sixteenth of itself. */
      precision: z.enum(targetPrecisions).default('fp16'),
      /** Side of the grid that the teacher's patches are pooled to, as 3 for 9 instead of 49; left out: as they are. */
      grid: count.optional(),
    })
    .prefault({}),
  augment: augmentOptions.prefault({}),
  /**
   * Each loss's gradients are averaged over the batches of a step before they are coordinated; where images are compared with
   * one another, as by `both_ways`, it is within each batch. The average of the parameters is over the last phase.
   */
  ...engineFields,
  checkpoint_every: count.default(200),
  evaluation: z
    .object({
      /** Steps of a phase between evaluations of the student, beside one at the end of each phase; 0: none. */
      every: steps.default(0),
      ...evaluationFields,
    })
    .prefault({}),
});

/** A checked recipe of `distill`, complete. */
export type DistillRecipe = z.infer<typeof distillRecipe>;
