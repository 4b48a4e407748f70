// What prompts found automatically gain on images that no search saw, and what the search takes: with labels, with token
// search, without labels, and prompts learned by `tune-prompts` with and without labels, all from the same images.
// Prints a Markdown table or, with --json, each row's figures as it is done.
//
//   npm run build && node bench/search-prompts.mjs [--model models/emoji-teacher] [--data emoji] [--split val]
//     [--only search,tokens] [--json]
//
// --sample 500 takes so many templates of the library instead of all 5,000; --seeds 3 draws the halves, slots and steps
// anew for each; the held-out images are the split test.
import { rmSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { openDataset } from '../dist/data/index.js';
import { evaluateModel } from '../dist/evaluate/index.js';
import { loadModel } from '../dist/model/index.js';

import { findPrompts, promptSearch } from '../dist/prompt-search/index.js';
import { tunePrompts, tunePromptsRecipe } from '../dist/tune-prompts/index.js';
import { readOptions, someOf } from './options.mjs';

const values = readOptions({
  model: fileURLToPath(new URL('../models/emoji-teacher', import.meta.url)),
  ...{ data: 'emoji', split: 'val', seeds: '1', sample: undefined, steps: '300', threshold: '0.5' },
  ...{ only: undefined, out: 'runs/search-prompts' },
});

const model = await loadModel(values.model);
const dataset = await openDataset(values.data);
const { split } = values;
/** For each held-out image, whether its class is the model's first answer. */
const rightOf = async (one) => {
  const { predictions } = await evaluateModel(one, dataset, { latencyRuns: 0 });
  return predictions.map(({ label, top }) => top[0].label === label);
};
const before = await rightOf(model);
const share = (outcomes) => outcomes.filter(Boolean).length / outcomes.length;

const search = (options) => async (seed) => {
  const templates = values.sample && Number(values.sample);
  const { heldOut, seconds, scored, images, classes } = await findPrompts(model, dataset, {
    split,
    seed,
    templates,
    ...options,
  });
  const [found, ...rivals] = heldOut.figures;
  const { top1, gain } = rivals.find(({ name }) => name.split(', ').includes('default'));
  const best = rivals.reduce((a, b) => (b.top1.value > a.top1.value ? b : a));
  return {
    ...{ seconds, scored, images, classes, default: top1.value, top1: found.top1.value, gain },
    published: { name: best.name, gain: best.gain },
  };
};
const tune = (unlabelled) => async (seed) => {
  const runDir = `${values.out}/${unlabelled ? 'unlabelled' : 'labelled'}-${seed}`;
  rmSync(runDir, { recursive: true, force: true });
  const recipe = tunePromptsRecipe.parse({
    ...{ data: { dataset: values.data, split }, seed, unlabelled, steps: Number(values.steps) },
    pseudo: { threshold: Number(values.threshold) },
  });
  const started = performance.now();
  const { folder, images, labelled, pseudoAccuracy } = await tunePrompts({
    model,
    dataset,
    recipe,
    runDir,
  });
  const seconds = (performance.now() - started) / 1000;
  const after = await rightOf(await loadModel(folder));
  const gain = promptSearch.pairedGain(after, before, seed);
  return { seconds, images, labelled, pseudoAccuracy, default: share(before), top1: share(after), gain };
};
const ways = {
  search: ['template search, labels', search({})],
  tokens: ['the same with token search', search({ tokens: 8 })],
  unlabelled: ['template search, no labels', search({ unlabelled: true })],
  tune: ['learned prompts, labels', tune(false)],
  'tune-unlabelled': ['learned prompts, no labels', tune(true)],
};

const percent = (x) => (x * 100).toFixed(1);
const signed = (x) => `${x < 0 ? '−' : '+'}${percent(Math.abs(x))}`;
const rows = [];
for (const way of someOf('only', values.only ?? Object.keys(ways).join(), Object.keys(ways))) {
  const [title, run] = ways[way];
  for (let seed = 0; seed < Number(values.seeds); seed++) {
    const row = { way, seed, ...(await run(seed)) };
    rows.push(row);
    (values.json ? process.stdout : process.stderr).write(`${JSON.stringify(row)}\n`);
    const { low, high, value } = row.gain;
    row.line = `| ${title} | ${seed} | ${row.images} | ${row.scored ?? ''} | ${row.seconds.toFixed(0)} s | ${percent(row.default)} | ${percent(row.top1)} | ${signed(value)} (${signed(low)} to ${signed(high)}) |`;
  }
}
if (!values.json)
  process.stdout.write(
    [
      `${cpus()[0].model}, ${availableParallelism()} cores; ${values.data}/${split} → test`,
      '',
      '| way | seed | images | templates | time | default, top-1 % | found, top-1 % | gain (95 % interval) |',
      '|---|---|---|---|---|---|---|---|',
      ...rows.map(({ line }) => line),
      '',
    ].join('\n'),
  );
