// A cascade that `promptkd cascade tune` wrote against its last model alone: accuracy and mean time of the built-in test
// drawings, both run for real, one image at a time and in batches.
//
//   npm run build && node bench/cascade.mjs [CASCADE.json] [--batch 1,32] [--images 1050] [--rounds 3] [--threads n] [--json]
//
// Left out, the cascade is one of the shipped student before its teacher, tuned here for 40 % of the teacher's time.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDataset } from '../dist/data/index.js';
import { median } from '../dist/math/quantile.js';
import { argMax, cascade, encoderStage, LocalEncoder, readCascade } from '../dist/serve/index.js';
import { readOptions } from './options.mjs';

const values = readOptions({ batch: '1,32', images: '1050', rounds: '3', threads: undefined }, { positionals: 1 });
const threads = values.threads === undefined ? undefined : Number(values.threads);
const saved = await readCascade(values.positionals[0] ?? tuned());
const dataset = await openDataset('emoji');
const labels = dataset.classes.flatMap(({ novel }, label) => (novel ? [] : [label]));
const classes = labels.map((label) => dataset.classes[label].name);
const examples = dataset.splits.test.slice(0, Number(values.images));
const images = await Promise.all(examples.map((example) => dataset.load(example)));
const truth = examples.map(({ label }) => labels.indexOf(label));

const stages = [];
for (const { model, temperature, threshold } of saved.stages) {
  const encoder = await LocalEncoder.open(model, { threads });
  const stage = await encoderStage(model, encoder, { classes, templates: saved.templates });
  stages.push({ stage, temperature, threshold });
}
const both = cascade({ confidence: saved.confidence, stages });
const last = stages.at(-1).stage;
const ways = {
  cascade: async (some) => (await both.classify(some)).map(({ label, stage }) => ({ label, stage })),
  last_alone: async (some) => (await last.logits(some)).map((logits) => ({ label: argMax(logits), stage: 0 })),
};

for (const batch of values.batch.split(',').map(Number)) {
  const times = { cascade: [], last_alone: [] };
  const answers = {};
  for (let round = -1; round < Number(values.rounds); round++) {
    // The two in turn, a hundred images at a time, so that what else the machine does meets both alike.
    const spent = { cascade: 0, last_alone: 0 };
    for (const name of Object.keys(ways)) answers[name] = [];
    for (let from = 0; from < (round < 0 ? 200 : images.length); from += 96) {
      for (const [name, ask] of Object.entries(ways)) {
        const start = performance.now();
        for (let at = from; at < Math.min(from + 96, images.length); at += batch) {
          answers[name].push(...(await ask(images.slice(at, Math.min(at + batch, from + 96)))));
        }
        spent[name] += performance.now() - start;
      }
    }
    if (round >= 0) for (const name of Object.keys(ways)) times[name].push(spent[name] / images.length);
  }
  const right = (name) => answers[name].filter(({ label }, i) => label === truth[i]).length / truth.length;
  const ms = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
  const row = {
    ...{ batch, images: images.length, confidence: saved.confidence },
    ...{ top1: right('cascade'), top1_last_alone: right('last_alone') },
    sent_on: answers.cascade.filter(({ stage }) => stage > 0).length / truth.length,
    ...{ ms_a_image: ms.cascade, ms_last_alone: ms.last_alone, share_of_time: ms.cascade / ms.last_alone },
  };
  console.log(values.json ? JSON.stringify(row) : row);
}

/** Tunes the cascade of the shipped models. */
function tuned() {
  const here = (path) => fileURLToPath(new URL(path, import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'promptkd-cascade-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
  const file = join(folder, 'cascade.json');
  const models = [here('../models/emoji-student'), here('../models/emoji-teacher')];
  const flags = ['--split', 'val+style', '--max-latency', '40%', '--out', file];
  const own = values.threads === undefined ? [] : ['--threads', values.threads];
  const args = [here('../dist/cli/main.js'), 'cascade', 'tune', ...models, ...flags, ...own];
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`cascade tune ended with ${status}`);
  return file;
}
