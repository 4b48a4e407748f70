// A cascade that `promptkd cascade tune` wrote against its last model alone: accuracy and mean time of the built-in test
// drawings, both run for real, one picture at a time and in batches.
//
//   npm run build && node dist/cli/main.js cascade tune STUDENT TEACHER --out runs/cascade.json
//   node bench/cascade.mjs runs/cascade.json [--batch 1,32] [--pictures 1050] [--rounds 3] [--threads n]

import { parseArgs } from 'node:util';
import { openDataset } from '../dist/data/index.js';
import { median } from '../dist/evaluate/index.js';
import { argMax, cascade, encoderStage, LocalEncoder, readCascade } from '../dist/serve/index.js';

const option = (value) => ({ type: 'string', default: value });
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { batch: option('1,32'), pictures: option('1050'), rounds: option('3'), threads: { type: 'string' } },
});
const threads = values.threads === undefined ? undefined : Number(values.threads);
const saved = await readCascade(positionals[0] ?? 'runs/cascade.json');
const dataset = await openDataset('emoji');
const labels = dataset.classes.flatMap(({ novel }, label) => (novel ? [] : [label]));
const classes = labels.map((label) => dataset.classes[label].name);
const examples = dataset.splits.test.slice(0, Number(values.pictures));
const pictures = await Promise.all(examples.map((example) => dataset.load(example)));
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

const result = { cascade: positionals[0], pictures: pictures.length, confidence: saved.confidence };
for (const batch of values.batch.split(',').map(Number)) {
  const times = { cascade: [], last_alone: [] };
  const answers = {};
  for (let round = -1; round < Number(values.rounds); round++) {
    // The two in turn, a hundred pictures at a time, so that what else the machine does meets both alike.
    const spent = { cascade: 0, last_alone: 0 };
    for (const name of Object.keys(ways)) answers[name] = [];
    for (let from = 0; from < (round < 0 ? 200 : pictures.length); from += 96) {
      for (const [name, ask] of Object.entries(ways)) {
        const start = performance.now();
        for (let at = from; at < Math.min(from + 96, pictures.length); at += batch) {
          answers[name].push(...(await ask(pictures.slice(at, Math.min(at + batch, from + 96)))));
        }
        spent[name] += performance.now() - start;
      }
    }
    if (round >= 0) for (const name of Object.keys(ways)) times[name].push(spent[name] / pictures.length);
  }
  const right = (name) => answers[name].filter(({ label }, i) => label === truth[i]).length / truth.length;
  const ms = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
  result[`batch_${batch}`] = {
    top1: { cascade: right('cascade'), last_alone: right('last_alone') },
    sent_on: answers.cascade.filter(({ stage }) => stage > 0).length / truth.length,
    ms_a_picture: ms,
    share_of_time: ms.cascade / ms.last_alone,
  };
}
console.log(JSON.stringify(result, undefined, 2));
