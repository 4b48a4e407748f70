import { z } from 'zod';
import { UserError } from '../errors.js';
import { parseYaml, readText } from '../files/index.js';
import { describeIssue, wholeSentence } from '../schema-issue.js';

/** Commands that take a recipe, its fields and a seed. */
const trainings = ['distill', 'pretrain', 'tune-prompts', 'cvpr2024'] as const;
/** Flags that a sweep gives itself. */
const ownFlags = ['--out', '--seed', '--recipe', '--json', '--plan'];
const mostTrials = 10_000;
/** Jobs of a rung, and characters of their commands: they are kept in memory and in one file. */
const mostRuns = 100_000;
const mostCharacters = 2 ** 27;

const count = z.int().positive();

const words = z.union(
  [z.string().transform((text) => text.split(/\s+/).filter((word) => word !== '')), z.array(z.string().min(1))],
  'expected a command as a text, or as a list of words',
);

const choices = z.array(z.union([z.number(), z.string(), z.boolean(), z.null(), z.array(z.unknown())])).min(1);

const range = z
  .strictObject({
    min: z.number(),
    max: z.number(),
    /** `log`: drawn evenly over magnitudes, as learning rates are. */
    scale: z.enum(['linear', 'log']).default('linear'),
    /** Whole numbers alone. */
    whole: z.boolean().default(false),
  })
  .refine(({ min, max }) => min < max, 'expected min below max')
  .refine(({ min, scale }) => scale === 'linear' || min > 0, 'expected min above 0 on a log scale')
  .refine(
    ({ min, max, whole }) => !whole || Math.ceil(min) <= Math.floor(max),
    'expected a whole number between min and max',
  );

/** Values that are drawn from. */
export type Range = z.infer<typeof range>;
/** What a recipe field may be: one of a list, or anything of a range. */
export type Choices = readonly unknown[] | Range;

const halving = z
  .strictObject({
    /** Field that says how long is trained. */
    field: z.string().min(1).default('steps'),
    /** What it is at most in the first rung, and in the last. */
    from: count,
    to: count,
    /** Of so many trials one goes on to the next rung, which trains so many times as long. */
    factor: z.int().min(2).default(3),
  })
  .refine(({ from, to }) => from < to, 'expected from below to');

export type Halving = z.infer<typeof halving>;

const specSchema = z
  .strictObject({
    call: words.refine(
      ([name = '']) => trainings.some((known) => known === name),
      `expected one of ${trainings.join(', ')}, and its arguments`,
    ),
    recipe: z.string().optional(),
    search: z.enum(['grid', 'random']).default('grid'),
    /** How many are drawn. */
    trials: count.max(mostTrials).optional(),
    /** Of the drawing. */
    seed: z.int().nonnegative().default(1),
    /** Every trial is trained by each of them. */
    seeds: z.array(z.int().nonnegative()).min(1).default([1]),
    fields: z
      .record(z.string().min(1), z.union([choices, range], 'expected a list of values, or min and max'))
      .refine((fields) => Object.keys(fields).length > 0, 'expected at least one field'),
    halving: halving.optional(),
    /** Measures each run, `{run}` standing for its folder. Left out: what the training itself measured. */
    afterwards: words.optional(),
    /** Field of the JSON that the last call of a trial prints. */
    measure: z.string().min(1).default('evaluation.top1'),
    goal: z.enum(['max', 'min']).default('max'),
  })
  .superRefine((spec, context) => {
    const issue = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: path.split('.'), message, params: wholeSentence });
    const given = spec.call.find((word) => ownFlags.some((flag) => word === flag || word.startsWith(`${flag}=`)));
    if (given) issue('call', `${given} is given by the sweep; ${instead[given.split('=')[0]!] ?? 'leave it out'}`);
    if (new Set(spec.seeds).size < spec.seeds.length) issue('seeds', 'expected every seed once');
    const ranged = Object.entries(spec.fields).find(([, values]) => !Array.isArray(values))?.[0];
    if (spec.search === 'grid' && ranged !== undefined)
      issue(`fields.${ranged}`, 'a range has no end of values: list some, or say search: random and trials');
    if (spec.search === 'random' && spec.trials === undefined) issue('trials', 'expected how many are drawn');
    if (spec.search === 'grid' && spec.trials !== undefined)
      issue('trials', 'a grid has as many trials as its fields have combinations: leave it out, or say search: random');
    if (spec.halving && Object.hasOwn(spec.fields, spec.halving.field))
      issue('halving.field', `${spec.halving.field} stands among fields, too: a rung says how long is trained`);
    if (spec.afterwards && !spec.afterwards.some((word) => word.includes('{run}')))
      issue(
        'afterwards',
        'expected {run}, which stands for the run’s folder, as in: evaluate {run} --data folder:photos',
      );
    const { trials, runs, characters } = sizeOf(spec);
    if (runs > mostRuns)
      issue('seeds', `${trials} trials by ${spec.seeds.length} seeds are more than ${mostRuns} trainings: list fewer`);
    else if (runs * characters > mostCharacters)
      issue(
        'fields',
        `the commands of ${runs} trainings would have ${runs * characters} characters, more than ${mostCharacters}: search fewer fields, or put long values into the recipe`,
      );
  });

/** How many trials and trainings a sweep has, and how long a command is at most, without the paths of its run. */
function sizeOf({ search, trials = 0, fields, seeds, call, afterwards = [] }: Asked) {
  const lengthOf = (value: unknown) => JSON.stringify(value).length;
  const values = Object.values(fields);
  const count = search === 'random' ? trials : values.reduce<number>((product, one) => product * choicesIn(one), 1);
  const longest = Object.entries(fields).map(
    ([field, of]) =>
      field.length +
      (Array.isArray(of) ? of.reduce<number>((most, one) => Math.max(most, lengthOf(one)), 0) : lengthOf(of)),
  );
  const characters = [...longest, lengthOf(call), lengthOf(afterwards)].reduce((sum, length) => sum + length, 0);
  return { trials: count, runs: count * seeds.length, characters };
}

const choicesIn = (of: Choices): number => (Array.isArray(of) ? of.length : 1);
type Asked = Pick<SweepSpec, 'search' | 'trials' | 'fields' | 'seeds' | 'call' | 'afterwards'>;

const instead: Readonly<Record<string, string>> = {
  '--seed': 'list seeds instead',
  '--recipe': 'say recipe: FILE instead',
};

/** What is searched, by which training, and what counts. */
export type SweepSpec = z.infer<typeof specSchema>;

/** Checks and completes what a sweep file says. @throws UserError naming the field, what was expected and what came */
export function parseSweep(value: unknown, file: string): SweepSpec {
  const parsed = specSchema.safeParse(value ?? {}, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new UserError(`${file}: ${describeIssue(parsed.error.issues[0]!, Object.keys(specSchema.shape))}`);
}

/** Reads `sweep.yaml`. @throws UserError for a file that is none */
export async function readSweep(file: string): Promise<SweepSpec> {
  return parseSweep(parseYaml(await readText(file), file), file);
}
