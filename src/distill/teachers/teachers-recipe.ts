import { z } from 'zod';
import { classTemplate } from '../../prompt/index.js';
import { lossNames } from '../losses/index.js';
import { fusionRules } from './fusion-rules.js';

const count = z.int().positive();
const share = z.number().min(0).max(1);

/** One teacher of several. */
export const teacherSection = z.object({
  /** Folder or hub id; left out where the command line gives it. */
  model: z.string().optional(),
  /** Under `fusion.rule: fixed`. All sum to 1. */
  weight: z.number().optional(),
  /** Its own class texts; left out: those of `texts`. */
  templates: z.array(classTemplate).min(1).optional(),
  /** The same as a file of `search-prompts`, with weights. */
  prompts: z.string().optional(),
  /** By which its logits are divided before teachers are compared: fitted on held-out images, or a number. */
  temperature: z.union([z.literal('fit'), z.number().positive()]).default('fit'),
  /** Which losses it gives targets for. Left out: all of the first; response, features and, where it has maps, attention of the others. */
  losses: z.array(z.enum(lossNames)).min(1).optional(),
  /** The classes that it was adapted to: what it says of others is dealt as the other teachers have it. Left out: all. */
  classes: z.array(z.string()).min(1).optional(),
});

/** Of several teachers alone; one teacher is taken as it is. */
export const fusionSection = z
  .object({
    /** Left out: `fixed` where teachers have weights, otherwise `confidence`. */
    rule: z.enum(fusionRules).optional(),
    /** Least weight of a teacher in any image; under `adaptive` and `fixed` it does not count. */
    floor: share.default(0),
    /** Labelled images that temperatures and rules are fitted on, and how many of them at most. */
    held_out: z.string().default('val'),
    images: count.default(1000),
    /** Images that the teachers and the rule are measured on for the report; where the data lacks them, the held-out ones. */
    measured_on: z.string().default('test'),
    /** Groups of classes under `validated`. */
    groups: count.default(8),
    /** UNIC's teacher dropping of features: an image keeps the teacher whose loss is largest, and drops each other one as often as this. */
    drop: share.default(0),
    /** Bounds of `adaptive`: teacher, zero-shot prior and label. */
    adaptive: z
      .object({
        base: z.tuple([share, share, share]).default([0.8, 0.15, 0.05]),
        most_prior: share.default(0.5),
        most_label: share.default(0.3),
        most_both: share.default(0.6),
        prior_growth: z.number().min(0).default(1),
        label_growth: z.number().min(0).default(1),
        /** Whether the classes of training images are read, where the data has them. */
        labels: z.boolean().default(true),
      })
      .prefault({}),
  })
  .prefault({});

export type TeacherSection = z.output<typeof teacherSection>;
export type FusionSection = z.output<typeof fusionSection>;

/** The rule of a recipe: see `fusionSection.rule`. */
export function ruleOf({ teachers, fusion }: { teachers: readonly TeacherSection[]; fusion: FusionSection }) {
  return fusion.rule ?? (teachers.some(({ weight }) => weight !== undefined) ? 'fixed' : 'confidence');
}
