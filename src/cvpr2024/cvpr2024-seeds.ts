import { join } from 'node:path';
import type { ImageTextDataset } from '../data/index.js';
import type { BaseNovel } from '../evaluate/index.js';
import { type Spread, spread } from '../evaluate/index.js';
import type { Interval } from '../math/index.js';
import { type Cvpr2024Run, type Cvpr2024RunOptions, cvpr2024 } from './cvpr2024.js';
import type { Cvpr2024Recipe } from './cvpr2024-recipe.js';
import { type Cvpr2024Models, checkNovel, evaluateCvpr2024, evaluateTransfer } from './evaluate-cvpr2024.js';

type RunOptions = Pick<Cvpr2024RunOptions, 'teacher' | 'student' | 'dataset' | 'recipe' | 'runDir'>;
type StepEvent = Parameters<NonNullable<Cvpr2024RunOptions['onStep']>>[0];

export interface Cvpr2024SeedsOptions extends RunOptions, Pick<Cvpr2024RunOptions, 'signal' | 'compile'> {
  /** Data sets of the recipe's `transfer`, in its order. */
  readonly targets?: readonly ImageTextDataset[];
  /** @param job which seed, and on which data set where there are targets */
  readonly onStep?: (job: string, event: StepEvent) => void;
  readonly onTargets?: (job: string, done: number, total: number) => void;
  readonly onMeasure?: (job: string) => void;
}

/** Top-1 on another data set. */
export interface Transfer<T> extends Cvpr2024Models<T> {
  /** Name of the data set. */
  readonly data: string;
}

/** One seed of the CVPR 2024 recipe, measured. */
export interface Cvpr2024Seed {
  readonly seed: number;
  /** Checkpoint folders of the students, one a data set that was distilled on. */
  readonly students: readonly string[];
  /** Left out in the cross-data-set setting. */
  readonly baseNovel?: Cvpr2024Models<BaseNovel>;
  readonly transfer: readonly Transfer<Interval>[];
  readonly seconds: Cvpr2024Run['seconds'];
}

/** Figures of all seeds, as mean and deviation. */
export interface Cvpr2024Seeds {
  readonly seeds: readonly Cvpr2024Seed[];
  /** H is the mean of the seeds' own. */
  readonly baseNovel?: Cvpr2024Models<Readonly<Record<keyof BaseNovel, Spread>>>;
  readonly transfer: readonly Transfer<Spread>[];
}

/**
 * The CVPR 2024 recipe over its seeds: each tunes the teacher anew, distils, saves its student in
 * `runDir/seed-N/student` and is measured from base to novel classes. With targets (the cross-data-set setting), the
 * teacher tuned on `dataset` is distilled on each of them instead, into `runDir/seed-N/NAME/student`, and measured there.
 *
 * @returns undefined where the signal stopped it; the same call continues
 * @throws UserError for a recipe that does not fit data or models, or a run folder of another run
 */
export async function cvpr2024Seeds(options: Cvpr2024SeedsOptions): Promise<Cvpr2024Seeds | undefined> {
  const { recipe } = options;
  if (recipe.transfer.length === 0) checkNovel(options.dataset);
  const seeds: Cvpr2024Seed[] = [];
  for (let seed = recipe.seed; seed < recipe.seed + recipe.seeds; seed++) {
    // A run is of one seed: how many others there are is none of its identity.
    const one = await measureSeed({ ...options, recipe: { ...recipe, seed, seeds: 1, transfer: [] } }, recipe.transfer);
    if (!one) return undefined;
    seeds.push(one);
  }
  return { seeds, ...summary(seeds) };
}

async function measureSeed(
  options: Cvpr2024SeedsOptions,
  transfer: Cvpr2024Recipe['transfer'],
): Promise<Cvpr2024Seed | undefined> {
  const { teacher, student, dataset, recipe, signal, compile, targets = [] } = options;
  const { seed } = recipe;
  const folder = join(options.runDir, `seed-${seed}`);
  const run = (job: string, runDir: string, target?: Cvpr2024RunOptions['target']) =>
    cvpr2024({
      ...{ teacher, student, dataset, recipe, signal, compile, runDir, target },
      tuningDir: join(folder, 'tuning'),
      onStep: (event) => options.onStep?.(job, event),
      onTargets: (done, total) => options.onTargets?.(job, done, total),
    });
  const engine = { signal, device: compile?.device, threads: compile?.threads };

  if (targets.length === 0) {
    const job = `seed ${seed}`;
    const done = await run(job, folder);
    if (!done) return undefined;
    options.onMeasure?.(job);
    const figures = await evaluateCvpr2024({ run: done, teacher, student, dataset, recipe }, engine);
    return { seed, students: [done.folder], baseNovel: figures, transfer: [], seconds: done.seconds };
  }
  const seconds = { tuning: 0, distillation: 0 };
  const result = { seed, students: [] as string[], transfer: [] as Transfer<Interval>[], seconds };
  for (const [i, { split, test }] of transfer.entries()) {
    const target = targets[i]!;
    const job = `seed ${seed} · ${target.name}`;
    const done = await run(job, join(folder, `${i + 1}-${target.name.replace(/[^\w.-]+/g, '-')}`), {
      dataset: target,
      split,
    });
    if (!done) return undefined;
    options.onMeasure?.(job);
    const figures = await evaluateTransfer({ run: done, teacher, student, dataset: target, recipe }, test, engine);
    result.students.push(done.folder);
    result.transfer.push({ data: target.name, ...figures });
    seconds.tuning = done.seconds.tuning;
    seconds.distillation += done.seconds.distillation;
  }
  return result;
}

type Role = keyof Cvpr2024Models<unknown>;

function byRole<T>(of: (role: Role) => T): Cvpr2024Models<T> {
  return { zeroShot: of('zeroShot'), teacher: of('teacher'), student: of('student') };
}

function summary(seeds: readonly Cvpr2024Seed[]): Omit<Cvpr2024Seeds, 'seeds'> {
  const measured = seeds.flatMap(({ baseNovel }) => baseNovel ?? []);
  const over = (role: Role, of: (figures: BaseNovel) => number) => spread(measured.map((figures) => of(figures[role])));
  return {
    ...(measured.length > 0 && {
      baseNovel: byRole((role) => ({
        base: over(role, ({ base }) => base.value),
        novel: over(role, ({ novel }) => novel.value),
        harmonic: over(role, ({ harmonic }) => harmonic),
      })),
    }),
    transfer: seeds[0]!.transfer.map(({ data }, i) => ({
      data,
      ...byRole((role) => spread(seeds.map((seed) => seed.transfer[i]![role].value))),
    })),
  };
}
