import { z } from 'zod';
import { augmentOptions } from '../augment/index.js';
import { routings, taskName } from '../bank/index.js';
import { subsetFields } from '../data/index.js';
import { classTemplate } from '../prompt/index.js';
import { engineFields } from '../train/index.js';
import { fisherKinds } from './fisher.js';

const weight = z.number().min(0);
const positive = z.number().positive();
const count = z.int().positive();
const share = z.number().min(0).max(1);
const lambdaError = { error: 'expected auto or a number of at least 0' };

/**
 * How a task is learned and the earlier ones are kept. `bank`: prompts of its own, nothing shared. `bank+ewc`: prompts of its
 * own, and shared weights under elastic weight consolidation. The others train shared weights alone: with consolidation, with
 * distillation from the student before the task (`lwf`), with images of earlier tasks (`replay`), or with nothing (`finetune`).
 */
export const methods = ['bank', 'bank+ewc', 'ewc', 'lwf', 'replay', 'finetune'] as const;
/** A method of continual learning. */
export type Method = (typeof methods)[number];

/** What a method does. */
export const methodParts = (method: Method) => ({
  prompts: method.startsWith('bank'),
  shared: method !== 'bank',
  ewc: method.endsWith('ewc'),
  lwf: method === 'lwf',
  replay: method === 'replay',
});

/** How every task of a bank is learned. */
export const learningFields = {
  method: z.enum(methods).default('bank'),
  steps: count.default(300),
  batch: count.default(32),
  /** Of weights that tasks share; a task's own prompts have a rate of their own. */
  lr: positive.default(3e-4),
  warmup_steps: z.int().min(0).default(20),
  weight_decay: weight.default(0),
  /** Largest norm of all gradients together. */
  clip: positive.default(1),
  /** Texts of a class, one of them drawn a step; answers are of all of them together. */
  templates: z.array(classTemplate).min(1).default(['a drawing of {}', '{}']),
  /** Classes told apart in a step: those of its labels and others by lot. */
  classes_per_step: count.min(2).default(128),
  /** Of a teacher's and the student's answers, where there is a teacher. */
  temperature: positive.default(1),
  /** A task's own prompts; their number and depth are the student's, where it has prompts to start from. */
  prompts: z
    .strictObject({ n_ctx: count.default(4), depth: count.default(12), lr: positive.default(0.01) })
    .prefault({}),
  routing: z
    .strictObject({
      mode: z.enum(routings).default('nearest'),
      /** K centroids of a task's images. */
      centroids: count.default(5),
      /** Split that thresholds are fitted on; without such images, those that were trained on. */
      calibrate: z.string().min(1).default('val'),
      /** Share of these images that each threshold turns away. */
      reject: share.default(0.02),
      /** Of a mixture: components that a task adds, and the weight of what they lack to be orthogonal. */
      components: count.default(4),
      orthogonality: weight.default(0.1),
    })
    .prefault({}),
  /** What tasks share: all of the student, or its prompt encoder, vision prompts and projector. */
  shared: z.enum(['student', 'prompts']).default('student'),
  ewc: z
    .strictObject({
      /** Of the penalty λ/2 Σ F (θ − θ*)²; `auto`: see `balancedLambda`. */
      lambda: z.union([z.literal('auto'), z.number(lambdaError).min(0, lambdaError)], lambdaError).default('auto'),
      fisher: z.enum(fisherKinds).default('sample'),
      /** Images that it is the mean over. */
      samples: count.default(500),
      /** Of `exact`: probability that the classes hold which are looked at, the likeliest first. */
      mass: share.default(0.99),
      /** Most classes that a sample's softmax is over, the likeliest. */
      classes: count.min(2).default(64),
      /** One anchor that moves on, or one a task. */
      anchors: z.enum(['online', 'separate']).default('online'),
      /** γ of the online anchor: what stays of the earlier tasks' Fisher information. */
      decay: share.default(1),
      /** Largest norm of the penalty's gradient. */
      clip: positive.optional(),
    })
    .prefault({}),
  /** Images kept of each class, and how many of them a step has. */
  replay: z.strictObject({ per_class: count.default(2), batch: count.default(16) }).prefault({}),
  lwf: z.strictObject({ weight: weight.default(1), temperature: positive.default(2) }).prefault({}),
  augment: augmentOptions.prefault({}),
  ...engineFields,
  checkpoint_every: count.default(50),
};

/** Which part of a data set a task is. */
export const taskData = z.strictObject({
  dataset: z.string().default('emoji'),
  split: z.string().default('train'),
  /** Only images by these artists. */
  artists: z.array(z.string()).min(1).optional(),
  /** Only images of these classes. */
  classes: z.array(z.string()).min(1).optional(),
  ...subsetFields,
});

/** `promptkd continue`: one more task for a bank. */
export const continueRecipe = z.strictObject({
  data: taskData.prefault({}),
  /** Left out: the data set's name. */
  task: taskName.optional(),
  seed: z.int().min(0).default(0),
  ...learningFields,
});
/** A checked recipe of {@link continueBank}, complete. */
export type ContinueRecipe = z.infer<typeof continueRecipe>;
