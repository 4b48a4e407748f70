// Half the time at the same accuracy: the drawings' distillation with the student reading a part of the patches, or smaller images,
// until the last phase, or (all-50) to the end; with its first layers frozen in the last phase (freeze-1: one of each tower;
// freeze-text: all of the text tower); or without clipping, which costs a backward pass (no-clip). Prints a Markdown table, every
// seed, or with --json one object a row.
//
//   npm run build && node bench/half-time.mjs [--only whole,drop-50,drop-75,small,small-drop-50,all-50,freeze-1,freeze-text,no-clip,
//     drop-50-no-clip] [--shares 0.125,0.25,0.5] [--seeds 1] [--views 8]
//     [--rows bench/half-time.jsonl] [--out runs/half-time] [--json]
//
// --shares are lengths, of recipes/distill-emoji.yaml: two variants are compared at equal images in a row of one share, and at
// equal time by the rows whose seconds are alike. Seconds are those of the processor, which say something on a busy machine
// too; the teacher's targets are stored before and counted apart, in the row that makes them. --views are how many of each image
// are stored, pixels and targets, and seen again and again: fewer of them spare the teacher. Each finished row is a line of --rows and is not measured again.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { loadCheckpoint } from '../dist/clip/index.js';
import { openDataset } from '../dist/data/index.js';
import { distill, distillRecipe, extractTargets } from '../dist/distill/index.js';
import { evaluateModel } from '../dist/evaluate/index.js';
import { spread } from '../dist/math/index.js';
import { loadModel } from '../dist/model/index.js';
import { machine } from './machine.mjs';
import { readOptions, someOf } from './options.mjs';
import { RowFile } from './row-file.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const half = { drop_patches: 0.5 };
/** Fields of the phases before the last one, of the last, and of gradient coordination. */
const variants = {
  whole: {},
  'drop-50': { before: half },
  'drop-75': { before: { drop_patches: 0.75 } },
  small: { before: { image_size: 32 } },
  'small-drop-50': { before: { image_size: 32, ...half } },
  'all-50': { before: half, last: half },
  'freeze-1': { last: { freeze_layers: { vision: 1, text: 1 } } },
  'freeze-text': { last: { freeze_layers: { vision: 0, text: 2 } } },
  'no-clip': { coordination: { clip: 0 } },
  'drop-50-no-clip': { before: half, coordination: { clip: 0 } },
};
const values = readOptions({
  ...{ only: Object.keys(variants).join(), shares: '0.125,0.25,0.5', seeds: '1', views: '8' },
  ...{ rows: here('./half-time.jsonl'), out: 'runs/half-time' },
});
const names = someOf('only', values.only, Object.keys(variants));
const shares = values.shares.split(',').map(Number);
const file = new RowFile(values.rows);
const teacher = await loadCheckpoint(here('../models/emoji-teacher'));
const dataset = await openDataset('emoji');
const demo = parse(readFileSync(here('../recipes/distill-emoji.yaml'), 'utf8'));

const secondsSince = (started) => {
  const { user, system } = process.cpuUsage(started);
  return Math.round((user + system) / 1e6);
};

for (let seed = 1; seed <= Number(values.seeds); seed++) {
  for (const share of shares) {
    for (const name of names) {
      const key = `${name}/share ${share}/views ${values.views}/seed ${seed}`;
      const recipe = distillRecipe.parse({ ...demo, seed, views: Number(values.views) });
      for (const phase of Object.values(recipe.phases)) phase.steps = Math.round(phase.steps * share);
      const { before, last, coordination } = variants[name];
      for (const phase of ['warmup', 'prompt']) Object.assign(recipe.phases[phase], before);
      Object.assign(recipe.phases.joint, last);
      Object.assign(recipe.coordination, coordination);
      const given = { teacher, dataset, recipe, runDir: join(values.out, key.replaceAll(/[/ ]/g, '-')) };
      const targetsDir = join(values.out, `targets-${values.views}-${seed}`);
      let targetsCpu;
      if (!file.of(key)) {
        const first = !existsSync(targetsDir);
        const started = process.cpuUsage();
        await extractTargets({ ...given, targetsDir });
        if (first) targetsCpu = secondsSince(started);
      }
      const row = await file.measured(key, async () => {
        const started = process.cpuUsage();
        const run = await distill({ ...given, targetsDir });
        const trainedCpu = secondsSince(started);
        const evaluation = await evaluateModel(await loadModel(run.folder), dataset, { latencyRuns: 0 });
        const { top1, macroF1 } = evaluation.zeroShot;
        return {
          ...{
            name,
            share,
            views: values.views,
            seed,
            images: run.imagesSeen,
            trained_cpu_seconds: trainedCpu,
            targets_cpu_seconds: targetsCpu,
          },
          ...{ top1: top1.value, top1_interval: [top1.low, top1.high], macro_f1: macroF1 },
          r1_image_to_text: evaluation.distinctRetrieval.imageToText.r1.value,
          machine: machine.cpu,
        };
      });
      console.error(`${key}: top-1 ${(row.top1 * 100).toFixed(1)} % in ${row.trained_cpu_seconds} s of processor`);
      if (values.json) console.log(JSON.stringify(row));
    }
  }
}

if (!values.json) {
  console.log('| variant | images | seconds of processor | images a second | top-1, every seed | R@1 |');
  console.log('|---|---:|---:|---:|---|---:|');
  for (const share of shares) {
    for (const name of names) {
      const rows = file.rows.filter((row) => row.name === name && row.share === share && row.views === values.views);
      if (rows.length === 0) continue;
      const mean = (of) => spread(rows.map(of)).mean;
      const percent = (x) => (x * 100).toFixed(1);
      const seconds = mean((row) => row.trained_cpu_seconds);
      const cells = [name, rows[0].images, seconds.toFixed(0), (rows[0].images / seconds).toFixed(0)];
      const each = rows.map((row) => percent(row.top1)).join(', ');
      console.log(`| ${[...cells, each, percent(mean((row) => row.r1_image_to_text))].join(' | ')} |`);
    }
  }
}
