// The joint phase of the drawings' distillation, ready to be stepped.
import { fileURLToPath } from 'node:url';
import { loadCheckpoint } from '../dist/clip/index.js';
import { openDataset } from '../dist/data/index.js';
import { allParams } from '../dist/distill/dual-stream.js';
import { dualStreamTask } from '../dist/distill/dual-stream-task.js';
import { distillRecipe } from '../dist/distill/index.js';
import { prepare } from '../dist/distill/prepare.js';
import { halfToFloat } from '../dist/files/index.js';
import { loadRecipe } from '../dist/files/recipe-file.js';
import { paramFeeds } from '../dist/nn/index.js';
import { adamw, decaysByDefault, openExecutor } from '../dist/train/index.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const file = here('../recipes/distill-emoji.yaml');

export const shippedRecipe = () => loadRecipe(distillRecipe, { file });

/**
 * Extracts targets into a folder and compiles the step. A fifth of the drawings are taken in one view each, as how many there
 * are does not change a step.
 *
 * @param compile as `compile` takes them
 * @param reduce sums over processes, where several train together
 * @returns `executor`: runs steps; `extractMs`: milliseconds an image of the extraction
 */
export async function openDrawingsStep(folder, { lr = 1e-4, compile = {}, reduce } = {}) {
  const recipe = await loadRecipe(distillRecipe, { file, set: ['data.fraction=0.2', 'views=1'] });
  const teacher = await loadCheckpoint(here('../models/emoji-teacher'));
  const dataset = await openDataset(recipe.data.dataset);
  const extracted = []; // how many, and when
  const onProgress = ({ phase, step }) => phase === 'teacher targets' && extracted.push([step, performance.now()]);
  const engine = { threads: compile.threads, group: compile.group };
  const { full, batches, phases } = await prepare({ teacher, dataset, recipe, runDir: folder, onProgress, engine });
  const [first, last] = [extracted[0] ?? [0, 0], extracted.at(-1) ?? [1, 0]]; // stored by another process, or the first batch has the session's start in it
  const task = dualStreamTask(full, batches, phases.at(-1), compile);
  const { beta1, beta2, weight_decay: weightDecay } = recipe.optimizer;
  const decays = (name, shape) => !name.startsWith('heads/') && decaysByDefault(name, shape);
  const optimizer = adamw(task.params, { beta1, beta2, weightDecay, decays });
  const executor = await openExecutor(task, { optimizer, learningRate: () => lr, compile, reduce });
  const extractMs = (last[1] - first[1]) / (last[0] - first[0]);
  return { executor, full, batches, phases, recipe, dataset, extractMs };
}

/** Weights and batches of the first steps, and settings, as `peers/distill_step.py` reads them. */
export function peerJob({ full, batches, phases, recipe }, { steps, lr = 1e-4 }) {
  const copied = Object.entries({ ...allParams(full), ...paramFeeds(full.teacher, 'teacher/') });
  const tensors = Object.fromEntries(copied.map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
  const wanted = new Set(Object.keys(batches.feeds));
  for (let step = 0; step < steps; step++) {
    for (const [name, { shape, data }] of Object.entries(batches.fill(phases.at(-1).firstStep + step, wanted))) {
      const copy = data instanceof Uint16Array ? halfToFloat(data) : data.slice();
      tensors[`batch${step}/${name}`] = { shape, data: copy };
    }
  }
  const settings = {
    ...{ lr, recipe, batches: steps, config: full.config, prompt: full.prompt.config, pairs: full.pairs },
    teacher_vision: full.teacherConfig.vision_config,
  };
  return { tensors, settings };
}
