import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Bank, isBank, readBank, taskFolder } from '../bank/index.js';
import type { ImageTextDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { ensureFolder, readJsonAsSync, writeFileAtomic } from '../files/index.js';
import type { LoaderOptions } from '../loader/index.js';
import { type Spread, spread } from '../math/index.js';
import { type Model, modelFingerprint, type TowerModel } from '../model/index.js';
import { countParameters } from '../prompt/index.js';
import { inRun, type RunOptions, type RunOutcome, type RunProgress, type RunWork } from '../train/index.js';
import { type ContinueOptions, continueBank } from './continue-bank.js';
import { measureTasks } from './measure-tasks.js';
import { type ContinualMetrics, continualMetrics } from './metrics.js';
import { type ContinueRecipe, continueRecipe } from './recipe.js';
import type { Contestant, ContinualRecipe } from './sequence-recipe.js';
import { inOrder, type SequenceTask, sequenceTasks } from './sequence-tasks.js';

/** Options of {@link continual}. */
export interface ContinualOptions extends RunOptions<ContinualRecipe> {
  readonly loader?: LoaderOptions;
  readonly student: TowerModel;
  readonly teacher?: Model;
  readonly dataset: ImageTextDataset;
}

/** One method over one order of the tasks with one seed. */
export interface SequenceRun {
  readonly method: Contestant;
  readonly seed: number;
  readonly order: number;
  /** Names of the tasks, in the order of learning. */
  readonly tasks: readonly string[];
  /** a[j][i] as fractions, see `continualMetrics`; of zero-shot and joint a single row. */
  readonly accuracy: readonly (readonly number[])[];
  /** Share of each task's images that is routed to it, after each task; null where it is not learned, or nothing is routed. */
  readonly routed: readonly (readonly (number | null)[])[];
  readonly zeroShot: readonly number[];
  /** Left out of zero-shot and joint, which learn no sequence. */
  readonly metrics?: ContinualMetrics;
  /** After the last task, of all images; left out where nothing is routed. */
  readonly routingAccuracy?: number;
  /** Accuracy at the end, mean over tasks: `metrics.last`, of zero-shot and joint the mean of their row. */
  readonly last: number;
  /** Mean over tasks: numbers that one has for itself, bytes on disk, and seconds of training. */
  readonly perTask: { readonly parameters: number; readonly bytes: number; readonly seconds: number };
}

/** What a sequence of tasks gave: its runs, and each method's figures over all of them. */
export interface ContinualResult {
  readonly runs: readonly SequenceRun[];
  /** By method, over its runs. */
  readonly summary: readonly MethodSummary[];
}

/** One method's figures over all seeds and orders. */
export interface MethodSummary {
  readonly method: Contestant;
  readonly runs: number;
  readonly last: Spread;
  readonly figures: Readonly<Record<string, Spread>>;
}

const saved = z.object({
  accuracy: z.array(z.array(z.number())),
  routed: z.array(z.array(z.number().nullable())),
  images: z.array(z.number()),
  fingerprint: z.string(),
});

/**
 * Learns a sequence of tasks by each method of the recipe, over its seeds and orders, and measures all tasks after each.
 * Every bank is kept in `runDir/METHOD-seed-S-order-O/bank`; whatever was learned and measured there is not done again, so
 * that the same call goes on from wherever it was stopped or killed.
 *
 * @throws UserError for tasks that the data does not have, or a folder of another run
 */
export async function continual(options: ContinualOptions): Promise<RunOutcome<ContinualResult>> {
  const { recipe, dataset, runDir } = options;
  const { name, fingerprint } = dataset;
  const tasks = sequenceTasks(dataset, recipe);
  const jobs = jobsOf(recipe);
  return inRun(
    { command: 'continual', data: { name, fingerprint } },
    options,
    async (run): Promise<RunWork<RunOutcome<ContinualResult>>> => {
      await run.accept();
      const total = { steps: 0, seconds: 0, imagesSeen: 0 };
      const runs: SequenceRun[] = [];
      for (const [done, job] of jobs.entries()) {
        const label = `${job.method}, seed ${job.seed}, order ${job.order}`;
        const onProgress = (progress: RunProgress) =>
          options.onProgress?.({
            ...{
              phase: `${label} · ${progress.phase}`,
              step: progress.step,
              steps: progress.steps,
              losses: progress.losses,
            },
            share: (done + (progress.share ?? 0)) / jobs.length,
          });
        const one = await runSequence(job, inOrder(tasks, job.order), { ...options, onProgress }, total);
        if (!one) return { result: { folder: runDir, finished: false, ...total } };
        runs.push(one);
      }
      const result = { folder: runDir, finished: true, ...total, runs, summary: summarise(runs) } as const;
      return { result, figures: { summary: result.summary } };
    },
  );
}

interface Job {
  readonly method: Contestant;
  readonly seed: number;
  readonly order: number;
}

/** Neither bound depends on the order, and zero-shot on no seed either. */
function jobsOf({ methods, seed, seeds, orders }: ContinualRecipe): Job[] {
  const all = Array.from({ length: seeds }, (_, s) => seed + s);
  return methods.flatMap((method) =>
    (method === 'zero-shot' ? [seed] : all).flatMap((one) =>
      Array.from({ length: method === 'zero-shot' || method === 'joint' ? 1 : orders }, (_, order) => ({
        method,
        seed: one,
        order,
      })),
    ),
  );
}

/** @returns undefined where the signal stopped it */
async function runSequence(
  job: Job,
  tasks: readonly SequenceTask[],
  options: ContinualOptions,
  total: { steps: number; seconds: number; imagesSeen: number },
): Promise<SequenceRun | undefined> {
  const { recipe, student, dataset, teacher, signal, engine } = options;
  const folder = join(options.runDir, `${job.method}-seed-${job.seed}-order-${job.order}`);
  const place = join(folder, 'bank');
  await ensureFolder(folder);
  const teaching = teacher && modelFingerprint(teacher);
  const identity = JSON.stringify({
    job,
    tasks,
    recipe: recipeOf(job, recipe, {}),
    data: dataset.fingerprint,
    student: modelFingerprint(student),
    teacher: teaching,
  });
  const measure = async (bank: Bank) => {
    const onProgress = (step: number, steps: number) => options.onProgress?.({ phase: 'measuring', step, steps });
    await onProgress(0, 0);
    const where = { split: recipe.data.test, candidates: recipe.candidates };
    return measureTasks(bank, dataset, tasks, where, {
      ...{ device: engine?.device, threads: engine?.threads, signal },
      onProgress: (done, total) => void onProgress(done, total),
    });
  };
  const empty: Bank = {
    frozen: student,
    method: 'bank',
    routing: 'nearest',
    templates: recipe.templates,
    tasks: [],
    shared: {},
  };
  const file = join(folder, 'accuracy.json');
  const before = existsSync(file) ? readJsonAsSync(file, saved) : undefined;
  if (before && before.fingerprint !== identity) {
    throw new UserError(
      `${folder}: expected a run of this recipe, data and student, got one of others: choose another --out`,
    );
  }
  const kept = before ?? { accuracy: [], routed: [], images: [], fingerprint: identity };
  const note = async (bank: Bank) => {
    const { accuracy, routed, images } = await measure(bank);
    kept.accuracy.push([...accuracy]);
    kept.routed.push([...routed]);
    kept.images = [...images];
    await writeFileAtomic(file, `${JSON.stringify(kept)}\n`);
  };
  // The first row is of the student as it is.
  if (kept.accuracy.length === 0) await note(empty);
  const learned = job.method === 'joint' ? [together(tasks)] : job.method === 'zero-shot' ? [] : tasks;
  for (const [j, task] of learned.entries()) {
    if (!isBank(place) || !(await readBank(place)).tasks.some(({ name }) => name === task.name)) {
      const given: ContinueOptions = {
        ...{ student, dataset, teacher, signal, engine, bank: place, loader: options.loader },
        runDir: join(folder, 'runs', task.name),
        recipe: recipeOf(job, recipe, task, job.method === 'joint' ? tasks.length : 1),
        onProgress: (progress) =>
          options.onProgress?.({
            ...progress,
            phase: `${task.name} · ${progress.phase}`,
            share: (j + (progress.share ?? 0)) / learned.length,
          }),
      };
      const done = await continueBank(given);
      total.steps += done.steps;
      total.seconds += done.seconds;
      total.imagesSeen += done.imagesSeen;
      if (!done.finished) return undefined;
    }
    if (kept.accuracy.length === j + 1) await note(await readBank(place));
  }
  return resultOf(job, tasks, kept, learned.length > 0 ? { folder: place, bank: await readBank(place) } : undefined);
}

/** All tasks as one. */
function together(tasks: readonly SequenceTask[]): SequenceTask {
  const all = (of: (task: SequenceTask) => readonly string[] | undefined) => {
    const names = tasks.flatMap((task) => of(task) ?? []);
    return names.length > 0 ? [...new Set(names)] : undefined;
  };
  return { name: 'all tasks', artists: all(({ artists }) => artists), classes: all(({ classes }) => classes) };
}

function recipeOf(job: Job, recipe: ContinualRecipe, task: Partial<SequenceTask>, times = 1): ContinueRecipe {
  const {
    data,
    seeds: _seeds,
    orders: _orders,
    tasks: _tasks,
    methods: _methods,
    candidates: _candidates,
    ...learning
  } = recipe;
  const { test: _test, ...part } = data;
  const method = job.method === 'joint' || job.method === 'zero-shot' ? 'finetune' : job.method;
  return continueRecipe.parse({
    ...{ ...learning, method, seed: job.seed, task: task.name, steps: learning.steps * times },
    data: { ...part, ...(task.artists && { artists: task.artists }), ...(task.classes && { classes: task.classes }) },
  });
}

async function resultOf(
  job: Job,
  tasks: readonly SequenceTask[],
  { accuracy, routed, images }: z.infer<typeof saved>,
  made: { readonly folder: string; readonly bank: Bank } | undefined,
): Promise<SequenceRun> {
  const [zeroShot, ...rows] = accuracy;
  const learned = rows.length > 0 ? rows : [zeroShot!];
  const metrics = rows.length === tasks.length ? continualMetrics(rows, zeroShot) : undefined;
  const end = routed.at(-1)!;
  const known = end.flatMap((share, i) => (share === null ? [] : [{ share, count: images[i]! }]));
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const sizes = made
    ? await Promise.all(made.bank.tasks.map(({ name }) => bytesIn(taskFolder(made.folder, name))))
    : [];
  return {
    ...{
      ...job,
      tasks: tasks.map(({ name }) => name),
      accuracy: learned,
      routed: routed.slice(1),
      zeroShot: zeroShot!,
    },
    metrics,
    ...(known.length > 0 && {
      routingAccuracy:
        known.reduce((sum, { share, count }) => sum + share * count, 0) /
        known.reduce((sum, { count }) => sum + count, 0),
    }),
    last: metrics?.last ?? mean(learned.at(-1)!),
    perTask: {
      parameters: mean((made?.bank.tasks ?? []).map(({ prompts }) => countParameters(prompts))),
      bytes: mean(sizes),
      seconds: mean((made?.bank.tasks ?? []).map(({ seconds }) => seconds)),
    },
  };
}

async function bytesIn(folder: string): Promise<number> {
  const sizes = await Promise.all((await readdir(folder)).map(async (file) => (await stat(join(folder, file))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Figures of a run by name; each name says its definition, see `ContinualMetrics`. */
export function figuresOf({ metrics, last, routingAccuracy, perTask }: SequenceRun): Record<string, number> {
  const all: Record<string, number | undefined> = {
    transfer: metrics?.transfer,
    avg: metrics?.avg,
    last,
    average_accuracy: metrics?.averageAccuracy,
    backward_transfer: metrics?.backwardTransfer,
    forward_transfer: metrics?.forwardTransfer,
    forgetting_from_best: metrics?.forgetting?.fromBest,
    forgetting_from_first: metrics?.forgetting?.fromFirst,
    routing_accuracy: routingAccuracy,
    task_parameters: perTask.parameters,
    task_bytes: perTask.bytes,
    task_seconds: perTask.seconds,
  };
  return Object.fromEntries(Object.entries(all).filter((one): one is [string, number] => one[1] !== undefined));
}

function summarise(runs: readonly SequenceRun[]): MethodSummary[] {
  return [...new Set(runs.map(({ method }) => method))].map((method) => {
    const own = runs.filter((run) => run.method === method);
    const figures = own.map(figuresOf);
    return {
      method,
      runs: own.length,
      last: spread(own.map(({ last }) => last)),
      figures: Object.fromEntries(
        Object.keys(figures[0]!).map((name) => [name, spread(figures.map((one) => one[name]!))]),
      ),
    };
  });
}
