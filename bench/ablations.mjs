// What each part of the method contributes: the drawings' distillation again with one part off (or one loss more) at a time,
// at the same number of images, from one store of teacher targets. Prints a Markdown table or, with --json, each run's figures as it ends.
//
//   npm run build && node bench/ablations.mjs [--teacher models/emoji-teacher] [--share 0.5] [--seeds 1]
//     [--only full,kd] [--json]
//
// --share scales every phase's steps: 1 is the recipe's own length. A run that was stopped goes on from runs/ablations.
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { loadCheckpoint } from '../dist/clip/index.js';
import { openDataset } from '../dist/data/index.js';
import { distill, distillRecipe, lossSwitches } from '../dist/distill/index.js';
import { evaluateModel } from '../dist/evaluate/index.js';
import { loadModel } from '../dist/model/index.js';
import { readOptions, someOf } from './options.mjs';

const values = readOptions({
  ...{ teacher: fileURLToPath(new URL('../models/emoji-teacher', import.meta.url)), out: 'runs/ablations' },
  ...{ share: '0.5', seeds: '1', only: undefined },
});

// One row a loss: off where it is on by default, on where it is not.
const switched = lossSwitches().map(({ name, title, losses, enabled }) => [
  name,
  [title, { losses: Object.fromEntries(losses.map((loss) => [loss, { enabled }])) }],
]);
const variants = {
  full: ['PromptKD', {}],
  ...Object.fromEntries(switched),
  'no-prompts': ['without prompts', { prompts: { enabled: false } }],
  'no-coordination': ['without gradient coordination', { coordination: { clip: 0, gamma: 1 } }],
  'strongest-channels': [
    'inheriting the strongest channels, not principal components',
    { student: { inherit_channels: 'importance' } },
  ],
  'no-inherit': ['from random weights', { student: { init: 'random' } }],
  kd: ['plain KD, from random weights', { method: 'kd' }],
  'kd-inherit': ['plain KD, inherited start', { method: 'kd', kd: { init: 'inherit' } }],
};

const merge = (a, b) =>
  Object.fromEntries(
    [...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => {
      const [x, y] = [a[key], b[key]];
      const nested = [x, y].every((value) => value && typeof value === 'object' && !Array.isArray(value));
      return [key, nested ? merge(x, y) : (y ?? x)];
    }),
  );

const recipeFile = fileURLToPath(new URL('../recipes/distill-emoji.yaml', import.meta.url));
const base = distillRecipe.parse(parse(readFileSync(recipeFile, 'utf8')));
const share = Number(values.share);
for (const phase of Object.values(base.phases)) phase.steps = Math.round(phase.steps * share);

const teacher = await loadCheckpoint(values.teacher);
const dataset = await openDataset(base.data.dataset);
const names = someOf('only', values.only ?? Object.keys(variants).join(), Object.keys(variants));
const rows = [];
for (const name of names) {
  const [title, change] = variants[name];
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const runDir = join(values.out, `${name}-${seed}`);
    const recipe = distillRecipe.parse(merge(base, { ...change, seed }));
    const targetsDir = join(values.out, `targets-${seed}`);
    const run = await distill({ teacher, dataset, recipe, runDir, targetsDir });
    const e = await evaluateModel(await loadModel(join(runDir, 'student')), dataset, { latencyRuns: 0 });
    rows.push({
      name,
      title,
      seed,
      top1: e.zeroShot.top1.value,
      top1_interval: [e.zeroShot.top1.low, e.zeroShot.top1.high],
      top5: e.zeroShot.top5.value,
      r1_image_to_text: e.distinctRetrieval.imageToText.r1.value,
      r1_text_to_image: e.distinctRetrieval.textToImage.r1.value,
      novel: e.baseNovel.novel.value,
      style: e.artists.find(({ unseen }) => unseen).top1.value,
      images_seen: run.imagesSeen,
      train_seconds: run.seconds,
    });
    console.error(`${name} ${seed}: top-1 ${(rows.at(-1).top1 * 100).toFixed(1)} % in ${run.seconds.toFixed(0)} s`);
    if (values.json) console.log(JSON.stringify(rows.at(-1)));
  }
}

if (!values.json) printTable();

function printTable() {
  const percent = (value) => (value * 100).toFixed(1);
  const mean = (list, of) => list.reduce((sum, row) => sum + of(row), 0) / list.length;
  console.log(`${cpus()[0].model.trim()}, ${availableParallelism()} cores; ${rows[0].images_seen} images a run\n`);
  console.log(
    '| variant | top-1 (95 % interval) | top-5 | R@1 image → text | R@1 text → image | novel | unseen artist | training |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const name of names) {
    const own = rows.filter((row) => row.name === name);
    const cells = ['top5', 'r1_image_to_text', 'r1_text_to_image', 'novel', 'style'].map((key) =>
      percent(mean(own, (row) => row[key])),
    );
    const interval = `${percent(mean(own, (row) => row.top1_interval[0]))}–${percent(mean(own, (row) => row.top1_interval[1]))}`;
    console.log(
      `| ${own[0].title} | ${percent(mean(own, (row) => row.top1))} (${interval}) | ${cells.join(' | ')} | ${mean(own, (row) => row.train_seconds).toFixed(0)} s |`,
    );
  }
}
