import { z } from 'zod';
import { taskName } from '../bank/index.js';
import { learningFields, methods, taskData } from './recipe.js';

const count = z.int().positive();
const { method: _, ...learning } = learningFields;

/** What is learned by: a method, or one of the two bounds. */
export const contestants = ['zero-shot', 'joint', ...methods] as const;
/** A method, or one of the two bounds that methods are compared with. */
export type Contestant = (typeof contestants)[number];

/** `promptkd continual`: a sequence of tasks, learned by several methods, over seeds and orders. */
export const continualRecipe = z.strictObject({
  data: taskData
    .omit({ artists: true, classes: true })
    .extend({ test: z.string().default('test') })
    .prefault({}),
  seed: z.int().min(0).default(0),
  /** Seeds from `seed` on. */
  seeds: count.default(1),
  /** Orders of the tasks: as they stand, and others by lot. */
  orders: count.default(1),
  /** A task an artist; base classes dealt into so many groups by lot; or what the list says. */
  tasks: z
    .union([
      z.strictObject({ by: z.literal('artists'), artists: z.array(z.string()).min(1).optional() }),
      z.strictObject({ by: z.literal('classes'), groups: count.min(2) }),
      z.array(
        z.strictObject({
          name: taskName,
          artists: z.array(z.string()).min(1).optional(),
          classes: z.array(z.string()).min(1).optional(),
        }),
      ),
    ])
    .default({ by: 'artists' }),
  methods: z.array(z.enum(contestants)).min(1).default(['zero-shot', 'joint', 'finetune', 'bank']),
  /** What an answer is chosen among when it is measured: the classes of all tasks, or those of the image's own, as if it were given. */
  candidates: z.enum(['all', 'task']).default('all'),
  ...learning,
});
/** A checked recipe of `continual`, complete. */
export type ContinualRecipe = z.infer<typeof continualRecipe>;
