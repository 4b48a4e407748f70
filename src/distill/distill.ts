import { join } from 'node:path';
import { type Checkpoint, type DownloadOptions, isSiglip } from '../clip/index.js';
import { examplesOf, type ImageTextDataset, withSubset } from '../data/index.js';
import { UserError } from '../errors.js';
import { hash } from '../files/index.js';
import { leads } from '../group/index.js';
import type { Shard } from '../jobs/index.js';
import type { LoaderOptions } from '../loader/index.js';
import { modelWeights, ranksFor } from '../model/index.js';
import {
  areFar,
  countParameters,
  initPromptEncoder,
  promptConfig,
  type SavedPrompts,
  trainingTemplates,
} from '../prompt/index.js';
import {
  adamw,
  bestOf,
  decaysByDefault,
  engineOptions,
  evaluationsOf,
  type HistoryEntry,
  inRun,
  type PlacedEvaluation,
  type Run,
  type RunOptions,
  type RunResult,
  roundsOf,
  type StepEvent,
  takeValues,
  train,
  Validation,
  warmupCosine,
} from '../train/index.js';
import type { Batches } from './batches/batches.js';
import { openBatches } from './batches/open-batches.js';
import { sharedTextLimit } from './batches/text-bank.js';
import { type DualStream, initHeads, splitSizes } from './dual-stream.js';
import { dualStreamTask } from './dual-stream-task.js';
import type { FusionFigures } from './fusion/measure.js';
import { logitsKdTask } from './logits-kd.js';
import { checkLosses } from './losses/check-losses.js';
import { activeLosses, storedStates } from './losses/index.js';
import { mapLayers } from './losses/layer-map.js';
import {
  imagesOf,
  type MadeStudent,
  type Making,
  preprocessOf,
  saveStudent,
  studentOf,
  withTrained,
} from './made-student.js';
import { checkPhasePatches, checkTargetGrid } from './phase-patches.js';
import { type Phase, phasesOf, withEpochSteps } from './phases.js';
import type { DistillRecipe } from './recipe.js';
import { stepCost } from './step-cost.js';
import { startStudent } from './student/student.js';
import { withTaskTokens } from './student/task-tokens.js';
import { StudentProbe } from './student-probe.js';
import { type Teacher, type TeacherModel, teacherOf } from './teacher/teacher.js';
import { saveAdaptors } from './teachers/adaptors.js';
import { checkTeachers, lossesOf, sectionsOf } from './teachers/check-teachers.js';
import { type OpenedSeveral, openSeveral } from './teachers/open-several.js';
import { otherModels } from './teachers/other-models.js';
import { storeFolder } from './teachers/store-folder.js';
import { whiteningOf } from './teachers/whitening.js';

/** Options of {@link distill}. */
export interface DistillOptions extends RunOptions<DistillRecipe>, DownloadOptions {
  /** How images are read. */
  readonly loader?: LoaderOptions;
  readonly teacher: TeacherModel;
  /** Further teachers, in the order of the recipe's `teachers`, of which `teacher` is the first. */
  readonly others?: readonly TeacherModel[];
  readonly dataset: ImageTextDataset;
  /** Class templates that the teacher was trained with, where that is known. */
  readonly teacherTemplates?: readonly string[];
  /** Folder of the teacher's stored targets, shared by runs on the same data; left out: inside the run folder. */
  readonly targetsDir?: string;
  /** Replace stored targets that do not fit, instead of refusing them. */
  readonly rebuildTargets?: boolean;
}

/** Its folder is that of the student. */
export interface DistillResult extends RunResult {
  readonly student: Checkpoint;
  /** The student's prompts; undefined for a student without. */
  readonly prompts?: SavedPrompts;
  readonly history: readonly HistoryEntry[];
  /** Numbers the student holds, with prompt encoder and prompts. */
  readonly parameters: number;
  /** Of several teachers, where labelled images are held out: each alone, the mixes, and the rule. */
  readonly fusion?: FusionFigures;
  /** As they were planned. */
  readonly phases: readonly Phase[];
  /** Where the recipe wants evaluations. */
  readonly validation?: DistillValidation;
}

/** How good the student became on images that it was not trained on. */
export interface DistillValidation {
  /** Of the last phase, in their order. */
  readonly evaluations: readonly PlacedEvaluation[];
  /** The best of them, and the checkpoint folder of the student as it was then. */
  readonly best: PlacedEvaluation & { readonly folder: string };
  /** The finished student's score (`scoreOf`) on as many of the images that it was trained on. */
  readonly trained: number;
  /** What guessing reaches. */
  readonly chance: number;
}

/** All that training needs: models at their start, the teacher's stored targets, and the batches. */
export interface Prepared {
  readonly options: DistillOptions;
  readonly teacher: Teacher;
  /** All, the first too. */
  readonly teachers: readonly Teacher[];
  /** Of several teachers: what each is worth, and what they are made one by. */
  readonly fused?: Pick<OpenedSeveral, 'figures' | 'identity'>;
  readonly phases: readonly Phase[];
  readonly full: DualStream;
  /** Their store is to be closed by the caller; it is not complete where the signal stopped the extraction. */
  readonly batches: Batches;
}

/**
 * Checks recipe, teacher and data against one another, extracts the teacher's targets where they are not stored yet, and
 * starts the student.
 *
 * @param shard only this share of the targets is extracted
 * @throws UserError for a recipe that does not fit teacher or data
 */
export async function prepare(given: DistillOptions, shard?: Shard): Promise<Prepared> {
  const { onProgress } = given;
  const { data, seed } = given.recipe;
  const dataset = withSubset(given.dataset, data.split, data, seed);
  const recipe = withEpochSteps(withTemplates(given), examplesOf(dataset, data.split).length);
  const options = { ...given, dataset, recipe };
  const compile = { ...options.engine, precision: recipe.precision };
  const teacher = teacherOf(options.teacher, { compile });
  const teachers = [teacher, ...(options.others ?? []).map((one) => teacherOf(one, { compile }))];
  checkTeachers(recipe, teachers, dataset);
  const phases = phasesOf(recipe);
  const needs = new Set(phases.flatMap((phase) => [...activeLosses(recipe, phase.losses)]));
  checkLosses(recipe, needs, teacher);
  const whole = await startStudent(recipe, teacher, options);
  const start = recipe.student.tokens === 'task' ? withTaskTokens(whole, recipe, dataset) : whole;
  checkLosses(recipe, needs, teacher, start.config);
  checkPhasePatches(phases, start.config.vision_config, teachers.length);
  checkTargetGrid(recipe, phases, teachers);
  const pairs =
    teacher.inner && !isSiglip(start.config)
      ? mapLayers(
          recipe.losses.layers,
          start.config.vision_config.num_hidden_layers,
          teacher.config.vision_config.num_hidden_layers,
        )
      : [];
  const limit = sharedTextLimit(teacher.config, start.config, recipe.prompts.enabled ? recipe.prompts.n_ctx : 0);
  const prompted = recipe.method === 'promptkd' && recipe.prompts.enabled;
  const encoder = prompted ? promptConfig(recipe, start.config, limit) : undefined;
  const stream: Omit<DualStream, 'heads'> = {
    student: start.params,
    config: start.config,
    teacher: teacher.params,
    teacherConfig: teacher.config,
    prompt: encoder && { params: initPromptEncoder(encoder, recipe.seed), config: encoder },
    pairs,
    recipe,
  };
  const others = otherModels(recipe, teachers, start.config);
  const firstGives = lossesOf(sectionsOf(recipe, teachers.length)[0]!, 0, teacher.inner);
  const several = others.length > 0 ? { others, firstGives } : undefined;
  if (several && shard) {
    throw new UserError(
      '--shard: expected one teacher: extract the targets of several in one process, without --shard',
    );
  }
  if (several && (options.engine?.group?.size ?? 1) > 1) {
    throw new UserError(
      'teachers: expected one teacher for several processes, got several: start this run without mpirun',
    );
  }
  const full: DualStream = { ...stream, heads: initHeads({ ...stream, several }, start.map) };

  // Told before the teacher's targets are extracted, which can take hours.
  ranksFor('student', start.config, options.engine, recipe.method === 'promptkd' ? splitSizes(full) : {});
  const targetsDir = options.targetsDir ?? join(options.runDir, 'targets');
  const halves = options.engine?.device !== 'webgpu'; // whose shaders need not have fp16
  const targets = {
    dir: targetsDir,
    rebuild: options.rebuildTargets,
    loader: options.loader,
    shard,
    signal: options.signal,
    onProgress: (step: number, steps: number) => onProgress?.({ phase: 'teacher targets', step, steps }),
    onTexts: (step: number, steps: number) => onProgress?.({ phase: 'teacher texts', step, steps }),
  };
  const ownNeeds = several ? new Set([...needs].filter((name) => firstGives.has(name))) : needs;
  const batches = await openBatches({
    teacher,
    dataset,
    recipe,
    student: { tokenizer: start.tokenizer, limit },
    inner: storedStates(ownNeeds, pairs, teacher.config),
    texts: { ...options, onTexts: (what, step, steps) => onProgress?.({ phase: `texts ${what}`, step, steps }) },
    group: options.engine?.group,
    halves,
    targets: several ? { ...targets, dir: storeFolder(targetsDir, teacher, recipe.teachers[0]?.model) } : targets,
  });
  if (!batches.store.complete) return { options, teacher, teachers, phases, full, batches };
  try {
    const steps = phases.reduce((sum, phase) => sum + phase.steps, 0) * recipe.accumulate;
    const opened = several
      ? await openSeveral({ teachers, others, dataset, recipe, batches, targets, steps, halves })
      : undefined;
    full.several = opened?.stream;
    full.whitening = whiteningOf(recipe, batches);
    return { options, teacher, teachers, phases, full, batches, fused: opened };
  } catch (error) {
    batches.close();
    throw error;
  }
}

/**
 * Distils a teacher into a student: stored teacher targets, the student's start, then phase after phase.
 *
 * The same seed gives the same bits on one machine, and a run that was stopped and is called again ends with the same
 * parameters as one that was not. The finished student is saved in `runDir/student`.
 *
 * @throws the signal's reason where it is aborted while texts are read, before anything is trained
 * @throws UserError for a recipe that does not fit teacher or data, or a run folder of another run or in use
 */
export async function distill(options: DistillOptions): Promise<DistillResult> {
  const given = { ...options, recipe: withTemplates(options) };
  const { name, fingerprint } = given.dataset;
  return inRun({ command: 'distill', data: { name, fingerprint } }, given, async (run) => {
    warnOfTemplates(given);
    sayTexts(given);
    await given.onProgress?.({ phase: 'preparing the student', step: 0, steps: 0 });
    const { options, teacher, teachers, phases, full, batches, fused } = await prepare(given);
    const { recipe } = options;
    const { store, bank } = batches;
    run.own({ dispose: () => batches.close() });
    run.identify('teacher', teacher.fingerprint());
    const fingerprints = fused?.identity.split(' ') ?? [];
    for (const [k, fingerprint] of fingerprints.entries()) if (k > 0) run.identify(`teacher ${k + 1}`, fingerprint);
    run.skip(store.unreadable);
    const making: Making = { engine: options.engine, full, teacher, bank };
    const first = leads(options.engine?.group);
    // Of several processes the first one measures; the others wait for it in the next step.
    const probe =
      store.complete && first
        ? await StudentProbe.open(options, { preprocess: preprocessOf(making) }, run.history)
        : undefined;
    const position = store.complete
      ? await trainPhases(options, making, fused?.identity ?? teacher.fingerprint(), phases, batches, run, probe)
      : { finished: false, step: 0, seconds: 0 };
    const made = await studentOf(making, full);
    const folder = join(options.runDir, 'student');
    const { finished, step: steps, seconds } = position;
    const imagesSeen = imagesOf(recipe, steps);
    if (finished && first) await saveStudent(folder, made, { step: steps, seconds }, recipe);
    if (finished && first) await saveAdaptors(folder, full, teachers, recipe);
    const validation =
      probe && finished ? await validationOf(probe, made, run, phases.at(-1)!, bestFolder(options)) : undefined;
    const { prompts, ...student } = made;
    const parameters = countParameters(modelWeights(made));
    const result: DistillResult = {
      ...{ student, prompts, folder, finished, steps, imagesSeen, seconds },
      ...{ history: run.history.entries, parameters, phases, validation, fusion: fused?.figures },
    };
    const { best, trained, chance } = validation ?? {};
    const last = validation?.evaluations.at(-1);
    return {
      result,
      figures: {
        parameters,
        ...(fused?.figures && { teachers: fused.figures }),
        ...(validation && { evaluation: last, best, trained, chance }),
      },
    };
  });
}

/** The recipe with its class templates, which a recipe may leave to data and teacher. */
function withTemplates({ recipe, dataset, teacherTemplates }: DistillOptions): DistillRecipe {
  const { templates: given, ...texts } = recipe.texts;
  const templates = [...trainingTemplates(given, dataset, teacherTemplates)];
  // In the schema's order: a recipe that names them has the same fingerprint.
  return { ...recipe, texts: { templates, ...texts } };
}

function warnOfTemplates({ recipe, teacherTemplates, onMessage }: DistillOptions): void {
  const own = recipe.texts.templates!;
  if (!teacherTemplates || !areFar(own, teacherTemplates)) return;
  const list = (templates: readonly string[]) =>
    templates
      .slice(0, 3)
      .map((one) => JSON.stringify(one))
      .join(', ');
  onMessage?.(
    `warning: the student learns by the class texts ${list(own)}, the teacher was trained with ${list(teacherTemplates)}: set texts.templates to those, or its answers may be worth little`,
  );
}

/** What takes the place of classes where there are none. */
function sayTexts({ dataset, recipe, onMessage }: DistillOptions): void {
  if (dataset.classes.length > 0 || !recipe.texts.captions) return;
  onMessage?.(`${dataset.name} has no classes: the student learns by its captions alone; retrieval is measured`);
}

const bestFolder = ({ runDir }: DistillOptions) => join(runDir, 'best');

async function trainPhases(
  options: DistillOptions,
  making: Making,
  teachers: string,
  phases: readonly Phase[],
  batches: Batches,
  run: Run,
  probe: StudentProbe | undefined,
): Promise<{ finished: boolean; step: number; seconds: number }> {
  const { full } = making;
  const { recipe, runDir, signal } = options;
  // How often the student is looked at decides none of its bits.
  const { evaluation, ...decisive } = recipe;
  const overallSteps = phases.reduce((sum, phase) => sum + phase.steps, 0);
  const texts = { count: batches.textCount, length: batches.bank.length };
  const costs = phases.map((phase) => stepCost(full, phase, texts));
  const work = phases.map(({ steps }, i) => steps * costs[i]!);
  const workOf = (parts: readonly number[]) => parts.reduce((sum, part) => sum + part, 0);
  const identity = {
    recipe: decisive,
    data: options.dataset.fingerprint,
    teacher: teachers,
    given: hash(JSON.stringify(full.config)),
  };
  const engine = engineOptions(recipe, options.engine);
  const position = { finished: true, step: 0, seconds: 0 };
  for (const [i, phase] of phases.entries()) {
    const place = { before: workOf(work.slice(0, i)), step: costs[i]!, total: workOf(work) };
    await options.onProgress?.({ phase: `preparing ${phase.name}`, step: 0, steps: 0 });
    const task =
      recipe.method === 'kd'
        ? logitsKdTask(full.student, full.config, full.teacher, batches, recipe, engine.compile, full.several)
        : dualStreamTask(full, batches, phase, engine.compile);
    const isLast = phase === phases.at(-1);
    const validation = new Validation(run.history, phase.name, isLast ? evaluation.patience : undefined);
    const look = async ({ step, seconds, averaged }: StepEvent) => {
      const student = await studentOf(making, withTrained(full, await averaged()), phase.prompted);
      const seen = await probe!.measure(student);
      const overall = phase.firstStep + step;
      if (validation.note(seen, overall) && isLast) {
        await saveStudent(bestFolder(options), student, { step: overall, seconds: position.seconds + seconds }, recipe);
      }
      return seen;
    };
    const trained = await train(task, {
      ...engine,
      steps: phase.steps,
      optimizer: adamw(task.params, {
        beta1: recipe.optimizer.beta1,
        beta2: recipe.optimizer.beta2,
        weightDecay: recipe.optimizer.weight_decay,
        // M and W measure distances; pulling them to zero would only lower what is measured.
        decays: (name, shape) => !name.startsWith('heads/') && decaysByDefault(name, shape),
      }),
      learningRate: warmupCosine({
        peak: phase.lr,
        steps: phase.steps,
        warmupSteps: Math.min(phase.warmupSteps, Math.floor(phase.steps / 5)),
      }),
      runDir: join(runDir, `phase-${phase.name}`),
      checkpointEvery: recipe.checkpoint_every,
      fingerprint: JSON.stringify({ ...identity, phase: phase.name }),
      rounds: roundsOf(options.rounds, phase.name),
      signal,
      ema: isLast ? engine.ema : undefined,
      lookEvery: probe && evaluation.every,
      endsAfter: (step) => validation.isExhausted(phase.firstStep + step),
      onStep: async (event) => {
        const seen = probe?.isDue(event.step, event.steps) ? await look(event) : undefined;
        await run.step({ phase: phase.name, firstStep: phase.firstStep, overallSteps, work: place }, event, seen);
      },
    });
    position.step = phase.firstStep + trained.step;
    position.seconds += trained.seconds;
    position.finished = trained.finished;
    if (trained.finished) takeValues(task.params, trained.averaged);
    if (!position.finished) break;
  }
  return position;
}

async function validationOf(
  probe: StudentProbe,
  made: MadeStudent,
  { history }: Run,
  last: Phase,
  folder: string,
): Promise<DistillValidation | undefined> {
  const evaluations = evaluationsOf(history.entries, last.name);
  const best = bestOf(evaluations);
  if (!best) return undefined;
  return {
    ...{ evaluations, best: { ...best, folder }, chance: probe.chance },
    trained: await probe.measureTrained(made),
  };
}
