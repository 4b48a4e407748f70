import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { examplesOf, type ImageTextDataset, withSubset } from '../data/index.js';
import { countParameters } from '../prompt/index.js';
import { engineOptions, timeSteps } from '../train/index.js';
import type { LayerPair } from './losses/layer-map.js';
import { phaseTask } from './phase-task.js';
import { phasesOf, withEpochSteps } from './phases.js';
import { type DistillOptions, prepare } from './prepare.js';
import type { DistillRecipe } from './recipe.js';
import { type StepTexts, stepCost } from './step-cost.js';
import { taskTokenizer } from './student/task-tokens.js';
import { imagesAtATime, type Teacher } from './teacher/teacher.js';
import { storeFolder } from './teachers/store-folder.js';

/** What a distillation takes on this machine, by a few of its steps. It holds for any number of steps and views. */
export interface TimedWork {
  /** Images that are trained on. */
  readonly images: number;
  /** Numbers that are trained, by part. */
  readonly parameters: Readonly<Record<string, number>>;
  /** Of a step of each phase, by its name. */
  readonly secondsAStep: Readonly<Record<string, number>>;
  readonly texts: StepTexts;
  /** The teachers' stores: their mapped layers, their folders, and what one view of one image takes. */
  readonly stores: readonly {
    readonly teacher: Teacher;
    readonly pairs: readonly LayerPair[];
    readonly folder: string;
    readonly secondsAnImage: number;
  }[];
  /** Bytes, of the whole process. */
  readonly memory: number;
}

/**
 * Times a few steps of the last phase, and a pass of the teacher, on a few of the images, in a temporary folder and with a
 * student at random: nothing of the run is touched.
 *
 * @param known times of another recipe with the same teachers, whose passes are not timed again
 * @throws UserError for a recipe that does not fit teacher or data
 */
export async function timeWork(options: DistillOptions, known?: TimedWork): Promise<TimedWork> {
  const { recipe: given, runDir } = options;
  const dataset = withSubset(options.dataset, given.data.split, given.data, given.seed);
  const images = examplesOf(dataset, given.data.split).length;
  const recipe = withEpochSteps(given, images);
  const folder = await mkdtemp(join(tmpdir(), 'promptkd-plan-'));
  try {
    const sample = sampleOf(dataset, recipe, imagesAtATime(options.teacher.config));
    const { onProgress: _, ...quiet } = options;
    const ready = await prepare({
      ...quiet,
      dataset: sample,
      recipe: trialRecipe(recipe),
      runDir: folder,
      targetsDir: join(folder, 'targets'),
    });
    const { full, batches, teachers } = ready;
    try {
      const phases = phasesOf(recipe);
      const engine = engineOptions(recipe, options.engine);
      const second = await timeSteps(
        phaseTask(full, batches, { ...ready.phases.at(-1)!, firstStep: 0 }, engine.compile),
        engine,
      );
      const texts = { count: batches.textCount, length: batches.bank.length };
      const costs = phases.map((phase) => stepCost(full, phase, texts));
      const dir = options.targetsDir ?? join(runDir, 'targets');
      const stores: TimedWork['stores'][number][] = [];
      for (const [k, teacher] of teachers.entries()) {
        const pairs = k === 0 ? full.pairs : full.several!.others[k - 1]!.pairs;
        const layers = pairs.map(({ teacher: layer }) => layer);
        stores.push({
          ...{
            teacher,
            pairs,
            secondsAnImage: known?.stores[k]?.secondsAnImage ?? (await secondsAnImage(teacher, layers)),
          },
          folder: teachers.length === 1 ? dir : storeFolder(dir, teacher, recipe.teachers[k]?.model),
        });
      }
      // The sample's texts need fewer tokens than all of them.
      const cut = recipe.student.tokens === 'task' && recipe.student.init !== 'given';
      const vocabulary = cut ? taskTokenizer(ready.teacher.tokenizer, recipe, dataset).kept.length : undefined;
      const { vocab_size, hidden_size } = full.config.text_config;
      const unseen = vocabulary === undefined ? 0 : (vocabulary - vocab_size) * hidden_size;
      return {
        ...{ images, texts, stores, memory: process.resourceUsage().maxRSS * 1024 },
        parameters: {
          student: countParameters(full.student) + unseen,
          ...(full.prompt && { 'prompt encoder': countParameters(full.prompt.params) }),
          ...(countParameters(full.heads) > 0 && { 'loss heads': countParameters(full.heads) }),
        },
        secondsAStep: Object.fromEntries(phases.map(({ name }, i) => [name, (second * costs[i]!) / costs.at(-1)!])),
      };
    } finally {
      batches.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A batch of the images, and as many classes as a step reads: enough to time a step by. */
function sampleOf(dataset: ImageTextDataset, recipe: DistillRecipe, images: number): ImageTextDataset {
  const { split } = recipe.data;
  const classes = dataset.classes.filter(({ novel }) => !novel).slice(0, recipe.texts.classes_per_step);
  const examples = examplesOf(dataset, split)
    .slice(0, images)
    .map(({ label: _, ...example }) => example);
  return { ...dataset, classes, splits: { [split]: examples } };
}

/** The same steps on one view of the sample, by a student that need not be cut out of its teacher. */
function trialRecipe(recipe: DistillRecipe): DistillRecipe {
  const { fraction: _, imbalance: __, ...data } = recipe.data;
  const random = <T extends { init: DistillRecipe['student']['init'] }>(section: T) =>
    section.init === 'inherit' ? { ...section, init: 'random' as const } : section;
  const { text: ___, ...augment } = recipe.augment;
  const { rule } = recipe.fusion;
  // The sample has no held-out images, and another rule's steps take as long.
  const fusion = { ...recipe.fusion, rule: rule === 'validated' || rule === 'learned' ? ('equal' as const) : rule };
  // Nor has it all classes.
  const teachers = recipe.teachers.map(({ classes: ____, ...section }) => section);
  const student = random(recipe.student);
  return { ...recipe, teachers, fusion, data, views: 1, augment, student, kd: random(recipe.kd) };
}

async function secondsAnImage(teacher: Teacher, layers: readonly number[]): Promise<number> {
  const batch = imagesAtATime(teacher.config);
  const { image_size: side } = teacher.config.vision_config;
  const inner = teacher.inner ? [...new Set(layers)] : [];
  const pass = await teacher.images(batch, { hidden: inner, attention: inner });
  try {
    const pixels = { shape: [batch, 3, side, side], data: new Float32Array(batch * 3 * side * side) };
    const run = async () => {
      const started = performance.now();
      await pass.run(pixels);
      return (performance.now() - started) / 1000;
    };
    // The first takes longer, which matters of a short one alone.
    const first = await run();
    return (first > 2 ? first : await run()) / batch;
  } finally {
    await pass.dispose();
  }
}
