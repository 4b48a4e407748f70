import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import type { DownloadOptions } from '../clip/index.js';
import type { ImageTextDataset } from '../data/index.js';
import type { LoaderOptions } from '../loader/index.js';
import type { RunModelOptions } from '../model/index.js';
import type { MlflowLog } from '../runs/index.js';
import type { Device } from '../runtime/index.js';
import type { RunOptions, RunPlan, RunProgress, RunResult } from '../train/index.js';
import {
  type CommonOptions,
  dataOption,
  deviceOption,
  type EngineOptions,
  engineFlags,
  type LoaderFlags,
  loaderOptions,
  printResult,
  type RecipeOptions,
  ranksOption,
  type SubsetOptions,
  subsetFlags,
  threadsOption,
  withCommonOptions,
  withEngineOptions,
  withLoaderOptions,
  withRecipeOptions,
  withSubsetOptions,
} from './options.js';
import type { PlanOptions } from './show-plan.js';

/** What every command that runs a recipe takes. */
export interface RecipeRunOptions extends CommonOptions, RecipeOptions {
  readonly out: string;
  readonly device: Device;
  readonly threads?: number;
  /** `mlflow=URL` */
  readonly log?: string;
}

/** What every command that trains takes. */
export interface TrainingOptions extends RecipeRunOptions, SubsetOptions, EngineOptions, LoaderFlags, PlanOptions {
  readonly tensorParallel?: number;
  /** A run that is trained in rounds: their folder, and the share of this process. */
  readonly rounds?: string;
  readonly share?: string;
}

/** @param models what `--tensor-parallel` splits */
export function withTrainingOptions(command: Command, models: string): Command {
  return withRunOptions(
    withLoaderOptions(withEngineOptions(withSubsetOptions(withRecipeOptions(withCommonOptions(command))))),
  ).addOption(ranksOption(models));
}

/** For commands whose runs `diloco` trains in rounds; it gives them itself. */
export function withRoundsOptions(command: Command): Command {
  return command
    .addOption(new Option('--rounds <folder>', 'of diloco').hideHelp())
    .addOption(new Option('--share <round:replica>', 'of diloco').hideHelp());
}

/** For commands that say what they will do before they do it. */
export function withPlanOptions(command: Command): Command {
  return command
    .addOption(
      // Stands in for the folder that a run needs and a plan does not: what it plans is a run that has not begun.
      new Option('--plan', 'print the plan (steps, time, memory, disk) and stop; without --out, too').implies({
        out: 'OUT',
      }),
    )
    .option('--yes', 'start without asking for confirmation');
}

/** @param folder run folder where none is given; left out: one has to be */
export function withRunOptions(command: Command, folder?: string): Command {
  const text = 'run folder; a stopped run continues from it';
  command.addOption(dataOption());
  if (folder === undefined) command.requiredOption('--out <folder>', text);
  else command.option('--out <folder>', text, folder);
  return command.addOption(deviceOption()).addOption(threadsOption()).addOption(logOption());
}

/** What a run is given of the command line. */
export type GivenRun<Recipe> = RunOptions<Recipe> &
  DownloadOptions &
  RunModelOptions & { readonly loader?: LoaderOptions };

/** What tells one training command from another. */
export interface Training<Recipe extends { readonly data: { readonly dataset: string } }, Result extends RunResult> {
  readonly schema: z.ZodType<Recipe>;
  /** Recipe fields that the command's own flags stand for. */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** Folders or hub ids of the models that come in, by role. */
  readonly sources?: Readonly<Record<string, string>> | ((recipe: Recipe) => Readonly<Record<string, string>>);
  /** Arguments that a run needs to go on, beside its recipe and what all commands take: models, folders. */
  readonly again?: readonly string[];
  /** Where no recipe is given: fields for these models and this data, in place of the schema's defaults, and why. */
  readonly adapt?: (
    recipe: Recipe,
    given: Record<string, unknown>,
    open: () => Promise<ImageTextDataset>,
    run: Omit<GivenRun<Recipe>, 'recipe'>,
    complete: (fields: Adapted['fields']) => Promise<Recipe>,
  ) => Promise<Adapted>;
  /** What `run` would do; told before a run begins. */
  readonly plan?: (given: GivenRun<Recipe>, open: () => Promise<ImageTextDataset>) => Promise<RunPlan>;
  /** @param open opens the recipe's data, which may take long: models that are not there are told before */
  readonly run: (given: GivenRun<Recipe>, open: () => Promise<ImageTextDataset>) => Promise<Result>;
  /** Of a finished run, for machines. */
  readonly json: (result: Finished<Result>, recipe: Recipe) => unknown;
  /** The same for people: what was made and measured, and the commands to go on with. */
  readonly closing: (result: Finished<Result>, recipe: Recipe) => Closing;
}

/** Recipe fields by path, and in sentences why they are so. */
export interface Adapted {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly reasons: readonly string[];
}

export type Finished<Result extends RunResult> = Result extends { readonly finished: false } ? never : Result;

/** What people read at a run's end. */
export interface Closing {
  readonly lines: readonly string[];
  readonly saved: string;
  /** Commands, without `promptkd`. */
  readonly next: readonly string[];
}

/**
 * Runs a recipe as every training command does: recipe and data, the run with its progress, Ctrl-C that saves, and the
 * result.
 *
 * @param load what is run; it is loaded once something is on the screen
 */
export async function runTraining<
  Recipe extends { readonly data: { readonly dataset: string } },
  Result extends RunResult,
>(given: RecipeRunOptions & Partial<TrainingOptions>, load: () => Promise<Training<Recipe, Result>>): Promise<void> {
  const [{ createProgress, showLoading }, { resumable }, { joinGroup }] = await Promise.all([
    import('./terminal/progress.js'),
    import('./terminal/interrupt.js'),
    import('./together.js'),
  ]);
  const together = await joinGroup(given.device, given.tensorParallel);
  const { group } = together;
  const first = (group?.rank ?? 0) === 0;
  // Of several processes the first alone prints.
  const options = first ? given : { ...given, quiet: true };
  const { out, device, loaderMemory } = options;
  const threads = options.threads ?? together.threads;
  const progress = createProgress(options);
  const losses = new Map<string, Readonly<Record<string, number>>>();
  let named = false;
  let log: MlflowLog | undefined;
  let shared: object | undefined;
  const onProgress = async (update: RunProgress) => {
    // Models and data are read by now: what is wrong with them is said alone.
    if (!named) progress.log(`recipe  ${join(out, 'recipe.yaml')}`);
    named = true;
    if (update.losses) losses.set(update.phase, update.losses);
    progress.update(update);
    log?.step(update);
    const { evaluation, trend, overall } = update;
    if (!evaluation) return;
    const { evaluationText } = await import('./output/run-figures.js');
    progress.log(`step ${overall}: ${evaluationText(evaluation)}${trend ? `; ${trend}` : ''}`);
  };
  try {
    progress.update({ phase: 'starting', step: 0, steps: 0 });
    if (group) progress.log(`${group.size} processes train together over ${group.library}`);
    if (together.warning) progress.log(together.warning);
    const [training, { openDataset }, { givenFields, loadRecipe }, { printClosing }, { readRunRecord }] =
      await Promise.all([
        load(),
        import('../data/index.js'),
        import('../files/recipe-file.js'),
        import('./closing.js'),
        import('../train/index.js'),
      ]);
    const flags = {
      'data.dataset': options.data,
      ...subsetFlags(options),
      ...engineFlags(options),
      seed: options.seed,
      ...training.flags,
    };
    const source = { file: options.recipe, set: options.set, flags };
    let recipe = await loadRecipe(training.schema, source);
    const rounds = options.rounds === undefined ? undefined : await openedRounds(options, group !== undefined);
    const loader = loaderMemory === undefined ? undefined : loaderOptions({ workers: options.workers, loaderMemory });
    /** All come here, with the same result: whoever fails before has ended the others. */
    const leave = <T>(result: T): T => {
      group?.close();
      return result;
    };
    const work = async (signal: AbortSignal) => {
      const { dataset: spec } = recipe.data;
      const drawn = spec.startsWith('emoji') ? '; its drawings are rendered the first time' : '';
      let dataset: Promise<ImageTextDataset> | undefined;
      const open = () => {
        if (!dataset) progress.update({ phase: `opening ${spec}${drawn}`, step: 0, steps: 0 });
        dataset ??= openDataset(spec);
        return dataset;
      };
      progress.update({ phase: 'reading models', step: 0, steps: 0 });
      const loading = showLoading(progress);
      const base = {
        ...{ runDir: out, loader, signal, onProgress, rounds },
        engine: { device, threads, ranks: options.tensorParallel, group },
        onMessage: (message: string) => progress.log(message),
        ...loading,
      };
      const record = await readRunRecord(out);
      let remarks: readonly string[] = [];
      const own = join(out, 'recipe.yaml');
      // What was derived when the run began, by the times of that day; one that failed at once is begun anew.
      const derived = existsSync(own) && !(record?.state === 'failed' && record.steps === 0);
      if (training.adapt && !options.recipe && derived) {
        recipe = await loadRecipe(training.schema, { ...source, file: own });
        progress.log(`goes on with ${own}; another --preset or limit needs another folder`);
      } else if (training.adapt && !options.recipe) {
        progress.update({ phase: 'fitting a recipe to teacher and data', step: 0, steps: 0 });
        const complete = (defaults: Adapted['fields']) => loadRecipe(training.schema, { ...source, defaults });
        const adapted = await training.adapt(recipe, givenFields(source), open, base, complete);
        recipe = await complete(adapted.fields);
        remarks = adapted.reasons;
      }
      const sources = typeof training.sources === 'function' ? training.sources(recipe) : training.sources;
      const runs: GivenRun<Recipe> = {
        ...base,
        ...{ recipe, remarks, sources },
        invocation: { args: [...(training.again ?? []), ...sharedArgs(options)], folder: process.cwd(), out },
      };
      // A run that goes on was planned when it began; machines that read results are told when they ask.
      const begun = record !== undefined && (record.steps > 0 || record.state === 'running');
      if (options.plan && !first) return undefined;
      if (training.plan && first && (options.plan || !(begun || options.quiet || options.json))) {
        progress.update({ phase: 'planning: a few steps are timed', step: 0, steps: 0 });
        const { showPlan } = await import('./show-plan.js');
        // By one process, for the whole batch.
        const alone = { ...runs, engine: { ...runs.engine, group: undefined } };
        await showPlan(await training.plan(alone, open), remarks, options, progress);
        if (options.plan) return undefined;
      }
      // Of several processes, one tells.
      if (options.log && first) {
        const { MlflowLog } = await import('../runs/index.js');
        const url = options.log.slice(mlflow.length);
        log = new MlflowLog({ url, runDir: out, recipe: { ...recipe }, onMessage: runs.onMessage });
      }
      const made = await training.run(runs, open);
      await log?.end(made.finished ? 'FINISHED' : 'KILLED');
      log = undefined;
      // A share is none of its run's end; nor is what is to be gone on with.
      if (rounds && !made.finished && !signal.aborted) {
        shared = { rounds: 'go on', folder: made.folder, steps: made.steps };
        return undefined;
      }
      return made;
    };
    const result = await resumable(out, (signal) => work(signal).then(leave), !first);
    if (shared) printResult(options, shared, () => `handed in: ${options.share ?? 'nothing'}`);
    if (!result || !first) return;
    progress.stop();
    // It is: `resumable` does not give back one that was stopped.
    const finished = result as Finished<Result>;
    printClosing(options, training.json(finished, recipe), () => training.closing(finished, recipe), losses);
  } finally {
    await log?.end('FAILED');
    progress.stop();
  }
}

async function openedRounds({ rounds, share }: Partial<TrainingOptions>, together: boolean) {
  const [{ openRounds }, { UserError }] = await Promise.all([import('../diloco/index.js'), import('../errors.js')]);
  if (together) throw new UserError('--rounds: each replica is one process; start diloco without mpirun');
  return openRounds(rounds!, share);
}

/** What all training commands take that their recipes do not say. */
function sharedArgs({
  device,
  threads,
  tensorParallel,
  workers,
  loaderMemory,
  log,
}: Parameters<typeof runTraining>[0]) {
  const flags = { device, threads, 'tensor-parallel': tensorParallel, workers, 'loader-memory': loaderMemory, log };
  return Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
}

const mlflow = 'mlflow=';

/** Where else a run's figures go. */
export const logOption = () =>
  new Option(
    '--log <target>',
    'mlflow=URL: also send figures to an MLflow server, in the background; MLFLOW_TRACKING_USERNAME, _PASSWORD or _TOKEN say who asks',
  ).argParser(logTarget);

function logTarget(text: string): string {
  const url = text.startsWith(mlflow) ? text.slice(mlflow.length) : '';
  if (!/^https?:\/\/./.test(url) || !URL.canParse(url))
    throw new InvalidArgumentError('expected mlflow=URL, as mlflow=http://localhost:5000.');
  const { username, password } = new URL(url);
  if (username || password)
    throw new InvalidArgumentError(
      'expected no name and no password, which the files of the run would keep: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.',
    );
  return text;
}
