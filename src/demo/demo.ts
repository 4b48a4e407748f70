import { join } from 'node:path';
import { exportModel } from '../compress/index.js';
import type { ImageTextDataset } from '../data/index.js';
import { type DistillOptions, type DistillRecipe, type DistillStep, distill } from '../distill/index.js';
import { defaultTemplates } from '../evaluate/index.js';
import { writeFileAtomic } from '../files/index.js';
import { loadTowerModel } from '../model/index.js';
import { type ChanceLevels, type ModelMetrics, type ModelSummary, modelMetrics, writeReport } from '../report/index.js';
import type { CompileOptions } from '../runtime/index.js';
import { readTrainingRecord } from '../train/index.js';
import { measure } from './measure.js';
import { reportData } from './report.js';

export interface DemoOptions {
  /** Checkpoint folder of the teacher. */
  readonly teacher: string;
  readonly dataset: ImageTextDataset;
  /** Of the PromptKD student; the baseline takes its `kd` block and sees as many drawings. */
  readonly recipe: DistillRecipe;
  /** The recipe as YAML, for report and model card. */
  readonly recipeText: string;
  /** Run folder; a run that was stopped goes on from it. */
  readonly out: string;
  readonly compile?: CompileOptions;
  readonly signal?: AbortSignal;
  readonly onStep?: (student: string, step: DistillStep) => void;
  /** While the teacher's targets are extracted. */
  readonly onTargets?: (done: number, total: number) => void;
  /** At each stage's start, in words. */
  readonly onStage?: (stage: string) => void;
}

export interface DemoMetrics {
  readonly teacher: ModelMetrics;
  readonly kd: ModelMetrics;
  readonly promptkd: ModelMetrics;
  readonly data: { readonly name: string; readonly fingerprint: string; readonly test_drawings: number };
  readonly seed: number;
  /** Largest difference between the exported ONNX encoders and the engine. */
  readonly export_difference: number;
  /** Largest memory of the process so far. */
  readonly peak_memory_bytes: number;
}

export interface DemoResult {
  readonly models: readonly ModelSummary[];
  /** What guessing reaches. */
  readonly chance: ChanceLevels;
  readonly metrics: DemoMetrics;
  /** Student folder: checkpoint, ONNX encoders and model card. */
  readonly student: string;
  readonly report: string;
}

/**
 * The main job: distils a teacher twice on the same drawings, by logits alone and by PromptKD, measures teacher and
 * both students on drawings that none of them saw, exports the PromptKD student, and draws the report.
 *
 * Writes into `out`: `student/`, `metrics.json`, `report.html`, and the runs themselves in `promptkd/` and `kd/`.
 *
 * @throws the signal's reason where it was aborted: what was trained is saved, the same call goes on
 */
export async function demo(options: DemoOptions): Promise<DemoResult> {
  const { dataset, recipe, out, compile, signal, onStage } = options;
  onStage?.('Reading the teacher');
  const teacher = await loadTowerModel(options.teacher, 'demo');
  const train = (name: 'promptkd' | 'kd') => trainStudent(options, teacher, name);
  // PromptKD's teacher targets hold the baseline's, which needs less: both train from one store.
  const promptkd = await train('promptkd');
  const kd = await train('kd');

  onStage?.('Measuring the models');
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
    dataset,
    defaultTemplates,
    { ...compile, signal },
  );
  const models = measured.map(({ summary }) => summary);
  const [teacherMetrics, kdMetrics, promptkdMetrics] = models.map(modelMetrics) as [
    ModelMetrics,
    ModelMetrics,
    ModelMetrics,
  ];
  const figures = { teacher: teacherMetrics, kd: kdMetrics, promptkd: promptkdMetrics };

  onStage?.('Exporting the student');
  const student = join(out, 'student');
  const exported = await exportModel({
    model: { ...promptkd.student, prompts: promptkd.prompts },
    out: student,
    classes: dataset.classes.filter(({ novel }) => !novel).map(({ name }) => name),
    templates: defaultTemplates,
    card: {
      name: 'PromptKD student',
      data: `Distilled on ${dataset.name}.`,
      recipe: options.recipeText,
      metrics: figures,
    },
  });

  onStage?.('Drawing the report');
  const report = join(out, 'report.html');
  const histories = [
    { model: 'Plain KD', entries: kd.history },
    { model: 'PromptKD', entries: promptkd.history },
  ];
  const source = { dataset, measured, histories, recipe: options.recipeText, seed: recipe.seed };
  const data = await reportData(source, compile ?? {});
  await writeReport(report, data);
  const metrics: DemoMetrics = {
    ...figures,
    data: { name: dataset.name, fingerprint: dataset.fingerprint, test_drawings: measured[0]!.evaluation.drawings },
    seed: recipe.seed,
    export_difference: exported.maxDifference,
    peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
  };
  await writeFileAtomic(join(out, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
  return { models, chance: data.chance ?? {}, metrics, student, report };
}

async function trainStudent(options: DemoOptions, teacher: DistillOptions['teacher'], method: 'promptkd' | 'kd') {
  const { dataset, recipe, out, compile, signal, onStage, onStep, onTargets } = options;
  const name = method === 'kd' ? 'Plain KD' : 'PromptKD';
  onStage?.(`Distilling: ${name}`);
  const result = await distill({
    teacher,
    dataset,
    recipe: { ...recipe, method },
    runDir: join(out, method),
    targetsDir: join(out, 'targets'),
    // A store of another teacher or recipe is of no use in this folder.
    rebuildTargets: true,
    signal,
    compile,
    onTargets,
    onStep: (step) => onStep?.(name, step),
  });
  if (!result.finished) {
    signal?.throwIfAborted();
    throw new Error(`${name}: the run ended early`);
  }
  return result;
}
