import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { examplesOf, type ImageTextDataset, withSubset } from '../data/index.js';
import { countParameters } from '../prompt/index.js';
import { engineOptions, type RunPlan, timeSteps } from '../train/index.js';
import { type DistillOptions, type Prepared, prepare } from './distill.js';
import { dualStreamTask } from './dual-stream-task.js';
import { logitsKdTask } from './logits-kd.js';
import { phasesOf, withEpochSteps } from './phases.js';
import type { DistillRecipe } from './recipe.js';
import { stepCost } from './step-cost.js';
import { storeCost } from './targets/store-choice.js';
import { storedBytes } from './targets/target-store.js';
import { imagesAtATime, type Teacher } from './teacher/teacher.js';
import { storeFolder } from './teachers/store-folder.js';

/**
 * What {@link distill} would do, without doing it: what learns, steps, the size of the target store, and time and memory by
 * a few steps on a few of the images, in a temporary folder and with a student at random: nothing of the run is touched.
 *
 * @throws UserError for a recipe that does not fit teacher or data
 */
export async function planDistill(options: DistillOptions): Promise<RunPlan> {
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
    const { full, batches, teacher, teachers } = ready;
    try {
      const phases = phasesOf(recipe);
      const last = phases.at(-1)!;
      const engine = engineOptions(recipe, options.engine);
      const second = await timeSteps(lastTask(ready, options), engine);
      const relative = (i: number) => stepCost(full, phases[i]!, batches) / stepCost(full, last, batches);
      const dir = options.targetsDir ?? join(runDir, 'targets');
      const stores = teachers.map((one, k) => {
        const pairs = k === 0 ? full.pairs : full.several!.others[k - 1]!.pairs;
        const folder = teachers.length === 1 ? dir : storeFolder(dir, one, recipe.teachers[k]?.model);
        const { bytes, bytesAView } = storeCost(recipe, one, pairs, images);
        return { one, pairs, bytesAView, left: Math.max(0, bytes - storedBytes(folder)) };
      });
      let extraction = 0;
      for (const { one, pairs, bytesAView, left } of stores) {
        const layers = pairs.map(({ teacher: layer }) => layer);
        extraction += ((await secondsAnImage(one, layers)) * left) / (bytesAView / images);
      }
      const sumOf = (of: (store: (typeof stores)[number]) => number) => stores.reduce((sum, one) => sum + of(one), 0);
      const parameters = countParameters(full.student);
      return {
        parameters: {
          student: parameters,
          ...(full.prompt && { 'prompt encoder': countParameters(full.prompt.params) }),
          ...(countParameters(full.heads) > 0 && { 'loss heads': countParameters(full.heads) }),
        },
        phases: phases.map(({ name, steps, lr }) => ({ name, steps, lr })),
        images,
        imagesSeen: phases.reduce((sum, { steps }) => sum + steps, 0) * recipe.batch * recipe.accumulate,
        preparations: [
          {
            what: `teacher targets of ${images.toLocaleString('en-GB')} images, ${recipe.views} views`,
            seconds: extraction,
          },
        ],
        seconds: phases.reduce((sum, { steps }, i) => sum + steps * relative(i) * second, 0),
        memory: process.resourceUsage().maxRSS * 1024,
        files: [
          {
            what: 'the teacher targets',
            folder: dir,
            bytes: sumOf(({ left }) => left),
            each: { what: 'view', bytes: sumOf(({ bytesAView }) => bytesAView) },
            remedy: 'give fewer views (--set views=1) or mapped layers (--set losses.layers=last)',
          },
          // Parameters and two moments of each, in the state of the last phase and the one before, and the student.
          { what: 'the run', folder: runDir, bytes: 28 * parameters },
        ],
        device: options.engine?.device ?? 'cpu',
        notes: storeNotes(recipe, teacher, full.pairs, images),
      };
    } finally {
      batches.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What other stores would cost. */
function storeNotes(
  recipe: DistillRecipe,
  teacher: Teacher,
  pairs: Prepared['full']['pairs'],
  images: number,
): readonly string[] {
  const gigabytes = (of: typeof pairs) => `${(storeCost(recipe, teacher, of, images).bytes / 1e9).toPrecision(2)} GB`;
  if (pairs.length < 2) return [];
  return [
    `smaller teacher targets: of the last layer alone ${gigabytes(pairs.slice(-1))} (--set losses.layers=last), of embeddings alone ${gigabytes([])} (--no-feature --no-attention)`,
  ];
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

function lastTask({ full, batches, phases }: Prepared, { engine }: DistillOptions) {
  const { recipe } = full;
  const { compile } = engineOptions(recipe, engine);
  return recipe.method === 'kd'
    ? logitsKdTask(full.student, full.config, full.teacher, batches, recipe, compile, full.several)
    : dualStreamTask(full, batches, { ...phases.at(-1)!, firstStep: 0 }, compile);
}

async function secondsAnImage(teacher: Teacher, layers: readonly number[]): Promise<number> {
  const batch = imagesAtATime(teacher.config);
  const { image_size: side } = teacher.config.vision_config;
  const inner = teacher.inner ? [...new Set(layers)] : [];
  const pass = await teacher.images(batch, { hidden: inner, attention: inner });
  try {
    const pixels = { shape: [batch, 3, side, side], data: new Float32Array(batch * 3 * side * side) };
    await pass.run(pixels);
    const started = performance.now();
    await pass.run(pixels);
    return (performance.now() - started) / 1000 / batch;
  } finally {
    await pass.dispose();
  }
}
