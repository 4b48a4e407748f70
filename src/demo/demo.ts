import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportModel } from '../compress/index.js';
import { examplesOf, type ImageTextDataset, withSubset } from '../data/index.js';
import {
  type DistillOptions,
  type DistillRecipe,
  type DistillResult,
  distill,
  phasesOf,
  stepsOf,
  withEpochSteps,
} from '../distill/index.js';
import { writeFileAtomic } from '../files/index.js';
import type { LoaderOptions } from '../loader/index.js';
import { loadTowerModel, readTrainingRecord } from '../model/index.js';
import { dataTemplates } from '../prompt/index.js';
import { type ChanceLevels, type ModelMetrics, type ModelSummary, modelMetrics, writeReport } from '../report/index.js';
import { inRun, type PhasePlace, type Run, type RunOptions, type RunOutcome } from '../train/index.js';
import { checkMeasures, measure } from './measure.js';
import { reportData } from './report.js';

/** The recipe is the PromptKD student's; the baseline takes its `kd` block and sees as many images. */
export interface DemoOptions extends RunOptions<DistillRecipe> {
  /** How images are read. */
  readonly loader?: LoaderOptions;
  /** Checkpoint folder of the teacher. */
  readonly teacher: string;
  /** The splits `test` and, where there is one, `novel` measure how classes are told apart. */
  readonly dataset: ImageTextDataset;
  /** Its split `test` measures retrieval, each caption being a text. @defaultValue that of `dataset`, equal captions being one text */
  readonly captions?: ImageTextDataset;
}

export interface DemoMetrics {
  readonly teacher: ModelMetrics;
  readonly kd: ModelMetrics;
  readonly promptkd: ModelMetrics;
  readonly data: {
    readonly name: string;
    readonly fingerprint: string;
    readonly test_images: number;
    /** Of retrieval, where it is measured on other data. */
    readonly captions?: string;
  };
  readonly seed: number;
  /** Largest difference between the exported ONNX encoders and the engine. */
  readonly export_difference: number;
  /** Largest memory of the process so far. */
  readonly peak_memory_bytes: number;
}

/** What the demo has made once it has finished; its folder is the student's: checkpoint, ONNX encoders and model card. */
export interface DemoMade {
  readonly models: readonly ModelSummary[];
  /** What guessing reaches. */
  readonly chance: ChanceLevels;
  readonly metrics: DemoMetrics;
  readonly report: string;
}

/**
 * The main job: distils a teacher twice on the same images, by logits alone and by PromptKD, measures teacher and
 * both students on images that none of them saw, exports the PromptKD student, and draws the report.
 *
 * Writes into the run folder: `student/`, `metrics.json`, `report.html`, and the runs themselves in `promptkd/` and `kd/`.
 *
 * @throws UserError, before it trains, for data that cannot be measured on
 * @throws the signal's reason where it is aborted between the runs; what was trained is saved, the same call goes on
 */
export async function demo(options: DemoOptions): Promise<RunOutcome<DemoMade>> {
  const { name, fingerprint } = options.dataset;
  const given = { ...options, sources: { teacher: options.teacher, ...options.sources } };
  return inRun({ command: 'demo', data: { name, fingerprint } }, given, async (run) => {
    const result = await demoIn(run, given);
    return { result, ...(result.finished && { figures: { ...result.metrics } }) };
  });
}

/** Images that are trained on. */
function imagesOf({ dataset, recipe: { data, seed } }: DemoOptions): number {
  return examplesOf(withSubset(dataset, data.split, data, seed), data.split).length;
}

async function demoIn(run: Run, options: DemoOptions): Promise<RunOutcome<DemoMade>> {
  const { dataset, captions, runDir: out, engine, signal, onMessage, onProgress } = options;
  checkMeasures(options);
  const recipe = withEpochSteps(options.recipe, imagesOf(options));
  onMessage?.('Reading the teacher');
  const teacher = await loadTowerModel(options.teacher, 'demo');
  const student = join(out, 'student');
  const [ours, plain] = (['promptkd', 'kd'] as const).map((method) => stepsOf(phasesOf({ ...recipe, method })));
  const overallSteps = ours! + plain!;
  const train = (method: 'promptkd' | 'kd') =>
    trainStudent(run, options, teacher, method, {
      firstStep: method === 'kd' ? ours! : 0,
      overallSteps,
    });
  // PromptKD's teacher targets hold the baseline's, which needs less: both train from one store.
  const promptkd = await train('promptkd');
  if (!promptkd.finished) return { ...sum([promptkd]), folder: student, finished: false };
  const kd = await train('kd');
  const trained = { ...sum([promptkd, kd]), folder: student };
  if (!kd.finished) return { ...trained, finished: false };

  onMessage?.('Measuring the models');
  await onProgress?.({ phase: 'measuring', step: 0, steps: 0 });
  const record = readTrainingRecord(options.teacher);
  const measured = await measure(
    [
      {
        name: 'Teacher',
        role: 'teacher',
        model: teacher,
        imagesSeen: record?.images_seen,
        trainSeconds: record?.train_seconds,
      },
      {
        name: 'Plain KD',
        role: 'baseline',
        model: await loadTowerModel(join(out, 'kd'), 'demo'),
        imagesSeen: kd.imagesSeen,
        trainSeconds: kd.seconds,
      },
      {
        name: 'PromptKD',
        role: 'student',
        model: await loadTowerModel(join(out, 'promptkd'), 'demo'),
        imagesSeen: promptkd.imagesSeen,
        trainSeconds: promptkd.seconds,
      },
    ],
    { dataset, captions, templates: dataTemplates(dataset) },
    {
      ...{ ...engine, signal },
      onProgress: (what, step, steps) => void onProgress?.({ phase: `measuring · ${what}`, step, steps }),
    },
  );
  const models = measured.map(({ summary }) => summary);
  const [teacherMetrics, kdMetrics, promptkdMetrics] = models.map(modelMetrics) as [
    ModelMetrics,
    ModelMetrics,
    ModelMetrics,
  ];
  const figures = { teacher: teacherMetrics, kd: kdMetrics, promptkd: promptkdMetrics };

  onMessage?.('Exporting the student');
  await onProgress?.({ phase: 'exporting', step: 0, steps: 0 });
  const recipeText = await readFile(join(out, 'recipe.yaml'), 'utf8');
  const exported = await exportModel({
    model: { ...promptkd.student, prompts: promptkd.prompts },
    out: student,
    classes: dataset.classes.filter(({ novel }) => !novel).map(({ name }) => name),
    templates: dataTemplates(dataset),
    card: {
      name: 'PromptKD student',
      data: `Distilled on ${dataset.name}.`,
      recipe: recipeText,
      metrics: figures,
    },
  });

  onMessage?.('Drawing the report');
  await onProgress?.({ phase: 'drawing the report', step: 0, steps: 0 });
  const report = join(out, 'report.html');
  const histories = [
    { model: 'Plain KD', entries: kd.history },
    { model: 'PromptKD', entries: promptkd.history },
  ];
  const source = { dataset, images: imagesOf(options), captions, measured, histories, recipe: recipeText };
  const data = await reportData({ ...source, seed: recipe.seed }, engine ?? {});
  await writeReport(report, data);
  const metrics: DemoMetrics = {
    ...figures,
    data: {
      ...{ name: dataset.name, fingerprint: dataset.fingerprint },
      ...{ test_images: measured[0]!.evaluation.images, captions: captions?.name },
    },
    seed: recipe.seed,
    export_difference: exported.maxDifference,
    peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
  };
  await writeFileAtomic(join(out, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
  return { ...trained, finished: true, models, chance: data.chance ?? {}, metrics, report };
}

/** The part of the training's time that each method takes for the same images, as measured on the built-in pair. */
const methodShare = { promptkd: { before: 0, part: 0.6 }, kd: { before: 0.6, part: 0.4 } };

const names = { kd: 'Plain KD', promptkd: 'PromptKD' };

async function trainStudent(
  run: Run,
  options: DemoOptions,
  teacher: DistillOptions['teacher'],
  method: 'promptkd' | 'kd',
  { firstStep, overallSteps }: Pick<PhasePlace, 'firstStep' | 'overallSteps'>,
): Promise<DistillResult> {
  const { recipe, runDir: out, onMessage } = options;
  onMessage?.(`Distilling: ${names[method]}`);
  return distill({
    ...options,
    teacher,
    recipe: { ...recipe, method },
    runDir: join(out, method),
    targetsDir: join(out, 'targets'),
    // A store of another teacher or recipe is of no use in this folder.
    rebuildTargets: true,
    onProgress: async (progress) => {
      const { overall } = progress;
      if (overall !== undefined) await run.accept();
      await options.onProgress?.({
        ...{ ...progress, phase: `${names[method]} · ${progress.phase}` },
        ...(overall !== undefined && {
          ...{ overall: firstStep + overall, overallSteps },
          share: methodShare[method].before + methodShare[method].part * (progress.share ?? 0),
        }),
      });
    },
  });
}

function sum(runs: readonly DistillResult[]): Pick<DistillResult, 'steps' | 'seconds' | 'imagesSeen'> {
  const total = (field: 'steps' | 'seconds' | 'imagesSeen') => runs.reduce((all, run) => all + run[field], 0);
  return { steps: total('steps'), seconds: total('seconds'), imagesSeen: total('imagesSeen') };
}
