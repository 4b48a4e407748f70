import { join } from 'node:path';
import type { ImageTextDataset } from '../data/index.js';
import type { BaseNovel } from '../evaluate/index.js';
import { writeFileAtomic } from '../files/index.js';
import { madeByFirst } from '../group/index.js';
import { type Interval, type Spread, spread } from '../math/index.js';
import { inRun, type RunOptions, type RunOutcome, type RunProgress, type RunWork } from '../train/index.js';
import { collapsedSeeds } from './collapsed-seeds.js';
import { type Cvpr2024Run, type Cvpr2024RunOptions, checkRanks, cvpr2024 } from './cvpr2024.js';
import type { Cvpr2024Recipe } from './cvpr2024-recipe.js';
import { type Beyond, evaluateBeyond } from './evaluate-beyond.js';
import { type Cvpr2024Models, checkNovel, evaluateCvpr2024, evaluateTransfer } from './evaluate-cvpr2024.js';
import { checkUnlabelled } from './unlabelled-images.js';

/** Options of {@link cvpr2024Seeds}. */
export interface Cvpr2024SeedsOptions
  extends RunOptions<Cvpr2024Recipe>,
    Pick<Cvpr2024RunOptions, 'teacher' | 'student' | 'dataset' | 'loader'> {
  /** Data sets of the recipe's `transfer`, in its order. */
  readonly targets?: readonly ImageTextDataset[];
  /** Data sets of the recipe's `beyond`, in its order. */
  readonly beyond?: readonly ImageTextDataset[];
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
  /** On data that was not distilled on. */
  readonly beyond: readonly Beyond<Interval>[];
  readonly stageSeconds: Cvpr2024Run['stageSeconds'];
}

/** Figures of all seeds, as mean and deviation. */
export interface Cvpr2024Seeds {
  readonly seeds: readonly Cvpr2024Seed[];
  /** H is the mean of the seeds' own. */
  readonly baseNovel?: Cvpr2024Models<Readonly<Record<keyof BaseNovel, Spread>>>;
  readonly transfer: readonly Transfer<Spread>[];
  readonly beyond: readonly Beyond<Spread>[];
  /** Seeds whose student came out broken, by H or else by the mean of the transfers: see `collapsedSeeds`. */
  readonly collapsed: readonly number[];
}

/**
 * The CVPR 2024 recipe over its seeds: each tunes the teacher anew, distils, saves its student in
 * `runDir/seed-N/student` and is measured from base to novel classes. With targets (the cross-data-set setting), the
 * teacher tuned on `dataset` is distilled on each of them instead, into `runDir/seed-N/NAME/student`, and measured there.
 *
 * @returns its folder is the run's; seconds and images are those of all seeds
 * @throws UserError for a recipe that does not fit data or models, or a run folder of another run
 */
export async function cvpr2024Seeds(options: Cvpr2024SeedsOptions): Promise<RunOutcome<Cvpr2024Seeds>> {
  const { recipe, dataset, runDir, teacher, student, engine } = options;
  if (recipe.transfer.length === 0) {
    checkNovel(dataset);
    checkUnlabelled(dataset, recipe);
  }
  checkRanks(teacher, student, engine);
  const { name, fingerprint } = dataset;
  return inRun(
    { command: 'cvpr2024', data: { name, fingerprint } },
    options,
    async (run): Promise<RunWork<RunOutcome<Cvpr2024Seeds>>> => {
      const runs = recipe.seeds * Math.max(1, recipe.transfer.length);
      let done = 0;
      const onProgress = async (progress: RunProgress) => {
        const { overall, overallSteps, share } = progress;
        if (overall !== undefined) await run.accept();
        await options.onProgress?.({
          ...progress,
          // Of all runs, which are about alike.
          ...(overallSteps && { overall: done * overallSteps + overall!, overallSteps: runs * overallSteps }),
          ...(share !== undefined && { share: (done + share) / runs }),
        });
      };
      const seeds: Cvpr2024Seed[] = [];
      const total = { steps: 0, seconds: 0, imagesSeen: 0 };
      const count = (one: typeof total) => {
        for (const field of ['steps', 'seconds', 'imagesSeen'] as const) total[field] += one[field];
        done++;
      };
      for (let seed = recipe.seed; seed < recipe.seed + recipe.seeds; seed++) {
        // A run is of one seed: how many others there are is none of its identity.
        const one = await measureSeed(
          { ...options, onProgress, recipe: { ...recipe, seed, seeds: 1, transfer: [], beyond: [] } },
          recipe,
          count,
          seeds[0],
        );
        if (!one) return { result: { folder: runDir, finished: false, ...total } as const };
        seeds.push(one);
      }
      const result = { folder: runDir, finished: true, ...total, seeds, ...summary(seeds) } as const;
      const { baseNovel, transfer, beyond, collapsed } = result;
      return { result, figures: { base_novel: baseNovel, transfer, beyond, collapsed } };
    },
  );
}

/**
 * @param first of the seeds: its figures of the student as it came are all seeds'
 * @returns undefined where the signal stopped it
 */
async function measureSeed(
  options: Cvpr2024SeedsOptions,
  elsewhere: Pick<Cvpr2024Recipe, 'transfer' | 'beyond'>,
  count: (run: { readonly steps: number; readonly seconds: number; readonly imagesSeen: number }) => void,
  first: Cvpr2024Seed | undefined,
): Promise<Cvpr2024Seed | undefined> {
  const { teacher, student, dataset, recipe, signal, engine, targets = [], beyond = [] } = options;
  const { seed } = recipe;
  const folder = join(options.runDir, `seed-${seed}`);
  const run = async (job: string, runDir: string, target?: Cvpr2024RunOptions['target']) => {
    const onProgress = (progress: RunProgress) =>
      options.onProgress?.({ ...progress, phase: `${job} · ${progress.phase}` });
    const done = await cvpr2024({ ...options, runDir, target, onProgress, tuningDir: join(folder, 'tuning') });
    count(done);
    return done;
  };
  const measuring = (job: string, step = 0, steps = 0) =>
    options.onProgress?.({ phase: `${job} · measuring`, step, steps });
  const measureFor = (job: string) => ({
    ...{ signal, device: engine?.device, threads: engine?.threads },
    onProgress: (done: number, total: number) => void measuring(job, done, total),
  });

  if (targets.length === 0) {
    const job = `seed ${seed}`;
    const done = await run(job, folder);
    if (!done.finished) return undefined;
    await measuring(job);
    const measure = measureFor(job);
    const measured = { run: done, teacher, student, dataset, recipe };
    const figures = await madeByFirst(engine?.group, async () => {
      const baseNovel = await evaluateCvpr2024(measured, measure, first?.baseNovel?.zeroShot);
      const others: Beyond<Interval>[] = [];
      for (const [i, { test }] of elsewhere.beyond.entries()) {
        const known = first?.beyond.filter(({ data }) => data === beyond[i]!.name);
        others.push(...(await evaluateBeyond(measured, beyond[i]!, test, measure, known)));
      }
      // Of a run of hours that is stopped, what is measured stays readable.
      const figures = `${JSON.stringify({ seed, base_novel: baseNovel, beyond: others }, null, 1)}\n`;
      await writeFileAtomic(join(folder, 'figures.json'), figures);
      return { baseNovel, beyond: others };
    });
    return { seed, students: [done.folder], ...figures, transfer: [], stageSeconds: done.stageSeconds };
  }
  const stageSeconds = { tuning: 0, distillation: 0 };
  const result = { seed, students: [] as string[], transfer: [] as Transfer<Interval>[], beyond: [], stageSeconds };
  for (const [i, { split, test }] of elsewhere.transfer.entries()) {
    const target = targets[i]!;
    const job = `seed ${seed} · ${target.name}`;
    const done = await run(job, join(folder, `${i + 1}-${target.name.replace(/[^\w.-]+/g, '-')}`), {
      dataset: target,
      split,
    });
    if (!done.finished) return undefined;
    await measuring(job);
    const figures = await madeByFirst(engine?.group, () =>
      evaluateTransfer(
        { run: done, teacher, student, dataset: target, recipe },
        test,
        measureFor(job),
        first?.transfer[i]?.zeroShot,
      ),
    );
    result.students.push(done.folder);
    result.transfer.push({ data: target.name, ...figures });
    stageSeconds.tuning = done.stageSeconds.tuning;
    stageSeconds.distillation += done.stageSeconds.distillation;
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
    beyond: seeds[0]!.beyond.map(({ data, figure }, i) => ({
      ...{ data, figure },
      ...byRole((role) => spread(seeds.map((seed) => seed.beyond[i]![role].value))),
    })),
    collapsed: collapsedSeeds(
      seeds.map((one) => ({ seed: one.seed, before: figureOf(one, 'zeroShot'), after: figureOf(one, 'student') })),
    ),
  };
}

/** What a seed is judged by: H, or the mean over the data sets of the cross-data-set setting. */
function figureOf({ baseNovel, transfer }: Cvpr2024Seed, role: Role): number {
  return baseNovel?.[role].harmonic ?? spread(transfer.map((data) => data[role].value)).mean;
}
