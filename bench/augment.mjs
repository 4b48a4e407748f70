// What augmentation contributes: short distillations of the built-in drawings with image and text augmentation on and
// off, at the same number of images. Prints a Markdown table or, with --json, each run's figures as it ends.
//
//   npm run build && node bench/augment.mjs [--teacher models/emoji-teacher] [--share 0.2] [--seeds 1]
//     [--only none,images] [--json]
//
// --share scales every phase's steps: 1 is the recipe's own length. A run that was stopped goes on from runs/augment.
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { loadCheckpoint } from '../dist/clip/index.js';
import { openDataset } from '../dist/data/index.js';
import { distill, distillRecipe } from '../dist/distill/index.js';
import { evaluateModel } from '../dist/evaluate/index.js';
import { loadModel } from '../dist/model/index.js';
import { readOptions, someOf } from './options.mjs';

const values = readOptions({
  ...{ teacher: fileURLToPath(new URL('../models/emoji-teacher', import.meta.url)), out: 'runs/augment' },
  ...{ share: '0.2', seeds: '1', only: undefined },
});

const recipeFile = fileURLToPath(new URL('../recipes/distill-emoji.yaml', import.meta.url));
const recipe = parse(readFileSync(recipeFile, 'utf8'));
const images = recipe.augment;
const none = {
  ...{ scale: 1, ratio: 1, flip: 0, rotation: 0, jitter: 0, grayscale: 0, erasing: 0 },
  background: false,
};
const text = { synonyms: 0.3, paraphrase: 0.3, back_translation: 0.3 };
const variants = {
  none: ['none', none],
  images: ['images', images],
  text: ['text', { ...none, text }],
  both: ['images and text', { ...images, text }],
  mixed: ['images, mixup and CutMix half of the time', { ...images, mix: { mixup: 0.2, cutmix: 1, probability: 0.5 } }],
};

const base = distillRecipe.parse(recipe);
const share = Number(values.share);
const phases = Object.fromEntries(
  Object.entries(base.phases).map(([name, phase]) => [name, { ...phase, steps: Math.round(phase.steps * share) }]),
);
const teacher = await loadCheckpoint(values.teacher);
const dataset = await openDataset(base.data.dataset);
const rows = [];
for (const name of someOf('only', values.only ?? Object.keys(variants).join(), Object.keys(variants))) {
  const [title, augment] = variants[name];
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const runDir = join(values.out, `${name}-${seed}`);
    const run = await distill({
      teacher,
      dataset,
      recipe: distillRecipe.parse({ ...base, phases, augment, seed }),
      runDir,
    });
    const { zeroShot, distinctRetrieval: retrieval } = await evaluateModel(
      await loadModel(join(runDir, 'student')),
      dataset,
      {
        latencyRuns: 0,
      },
    );
    rows.push({
      ...{ name, title, seed, images_seen: run.imagesSeen, train_seconds: run.seconds },
      top1: zeroShot.top1.value,
      top1_interval: [zeroShot.top1.low, zeroShot.top1.high],
      top5: zeroShot.top5.value,
      r1_image_to_text: retrieval.imageToText.r1.value,
      r1_text_to_image: retrieval.textToImage.r1.value,
    });
    console.error(`${name} ${seed}: top-1 ${(rows.at(-1).top1 * 100).toFixed(1)} % in ${run.seconds.toFixed(0)} s`);
    if (values.json) console.log(JSON.stringify(rows.at(-1)));
  }
}

if (!values.json) printTable();

function printTable() {
  const percent = (value) => (value * 100).toFixed(1);
  console.log(`${cpus()[0].model.trim()}, ${availableParallelism()} cores; ${rows[0].images_seen} images a run\n`);
  console.log('| augmentation | seed | top-1 (95 % interval) | top-5 | R@1 image → text | R@1 text → image |');
  console.log('|---|---|---|---|---|---|');
  for (const row of rows) {
    const cells = [row.top5, row.r1_image_to_text, row.r1_text_to_image].map(percent).join(' | ');
    const interval = row.top1_interval.map(percent).join('–');
    console.log(`| ${row.title} | ${row.seed} | ${percent(row.top1)} (${interval}) | ${cells} |`);
  }
}
