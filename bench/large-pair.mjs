// A student trained with a larger teacher by all losses of the dual-stream recipe, both of random weights.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clipConfigJson, loadTokenizer, loadWeights } from '../dist/clip/index.js';
import { openDataset } from '../dist/data/index.js';
import { dualStreamTask } from '../dist/distill/dual-stream-task.js';
import { distillRecipe } from '../dist/distill/index.js';
import { prepare } from '../dist/distill/prepare.js';
import { writeSafetensors } from '../dist/files/index.js';
import { loadRecipe } from '../dist/files/recipe-file.js';
import { median } from '../dist/math/quantile.js';
import { adamw, openExecutor } from '../dist/train/index.js';
import { watched } from './disturbance.mjs';
import { clipFields, randomClip } from './models.mjs';

export const learningRate = 1e-5;

/** The most memory that this process ever had. */
export const peakMb = () => process.resourceUsage().maxRSS / 1024;

/** Writes a teacher of `modelNames` as `loadWeights` reads it. */
export async function writeTeacher(folder, name) {
  const { config, params } = randomClip(name);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(clipConfigJson(config)));
  await writeSafetensors(join(folder, 'model.safetensors'), params);
}

/**
 * Trains some steps with the teacher of a folder, all of the student's parameters. Its targets, of `images` drawings in one
 * view, are extracted into the folder, or taken from there.
 *
 * @param student of `modelNames`
 * @returns the batch; `seconds` a step, the median without the first; the most memory before the first step and at all;
 *   `targets_and_start_seconds`; and which share of the machine others took at most
 */
export async function trainPair({ steps, ...given }) {
  const { batches, extraction, open } = await openPair(given);
  const memoryBefore = peakMb();
  const times = [];
  let others = 0;
  if (steps > 0) {
    const executor = await open();
    for (let step = -1; step < steps; step++) {
      const start = performance.now();
      const run = await watched(() => executor.run(0, 1));
      if (step < 0) continue;
      times.push((performance.now() - start) / 1000);
      others = Math.max(others, run.others);
    }
    await executor.dispose();
  }
  batches.store.close();
  return {
    ...{
      batch: given.batch,
      seconds: steps > 0 ? median(times) : undefined,
      memory_before_mb: memoryBefore,
      peak_memory_mb: peakMb(),
    },
    ...{ targets_and_start_seconds: extraction, others_share_at_most: others },
  };
}

/**
 * The same pair with its targets and batches, before the step is compiled.
 *
 * @param set further fields of the recipe
 * @returns `extraction`: seconds that targets and start took; `task`: of the last phase; `open`: compiles its step
 */
export async function openPair({ folder, student, batch, images, recompute = false, set = [] }) {
  const { vision_config, text_config, projection_dim } = clipFields(student);
  const recipe = await loadRecipe(distillRecipe, {
    set: [
      ...[`batch=${batch}`, 'views=1', `recompute=${recompute}`, 'student.init=random'],
      `student.projection_dim=${projection_dim}`,
      `student.vision=${JSON.stringify(vision_config)}`,
      `student.text=${JSON.stringify(text_config)}`,
      ...['losses.feature.embedding_map=learned', 'texts.classes_per_step=16'],
      ...set,
    ],
  });
  const emoji = await openDataset('emoji');
  const classes = emoji.classes.slice(0, 32);
  const drawings = emoji.splits.train.filter(({ label }) => label < classes.length).slice(0, images);
  const dataset = { ...emoji, classes, splits: { train: drawings } };
  // Weights without a vocabulary of their own: the shipped teacher's has the same kind of tokens, only fewer.
  const tokenizer = await loadTokenizer(fileURLToPath(new URL('../models/emoji-teacher', import.meta.url)));
  const teacher = { ...(await loadWeights(folder)), tokenizer };
  const before = performance.now();
  const runDir = join(folder, 'run');
  const { full, batches, phases } = await prepare({ teacher, dataset, recipe, runDir });
  const extraction = (performance.now() - before) / 1000;
  const task = dualStreamTask(full, batches, phases.at(-1));
  const open = () => openExecutor(task, { optimizer: adamw(task.params), learningRate: () => learningRate });
  return { recipe, full, batches, task, extraction, open };
}
