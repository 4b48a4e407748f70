// What `promptkd distill` does without a recipe, on pairs of data and teacher: the schema's defaults (as they were the default
// before), what is chosen now, and a tuned recipe where there is one. Top-1, or R@1 of captions, with parameters, latency of an
// image, training time and the store of teacher targets. Prints a Markdown table, or with --json each row as it ends.
//
//   npm run build && node bench/defaults-table.mjs [--only drawings,pairs,scenes,photos,shape] [--kinds before,now,tuned]
//     [--preset balanced] [--share 1] [--seed 0] [--out runs/defaults] [--json]
//
// --share scales the steps of all three kinds alike. `shape` is a teacher of a ViT-B/32's shape at random, on 300 made photos: it
// knows nothing, so its rows are time, disk and memory of a plan. A run that was stopped goes on from its folder.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { clipPreprocess, initClip, loadCheckpoint, parseClipConfig } from '../dist/clip/index.js';
import { examplesOf, openDataset, withSubset } from '../dist/data/index.js';
import { adaptRecipe, distill, distillRecipe, planDistill, teacherOf } from '../dist/distill/index.js';
import { evaluateModel, heldOutSplit } from '../dist/evaluate/index.js';
import { bytesIn } from '../dist/files/index.js';
import { loadModel } from '../dist/model/index.js';
import { readOptions, someOf } from './options.mjs';
import { makePhotos } from './photos.mjs';

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const values = readOptions({
  ...{ only: 'drawings,pairs,scenes,photos,shape', kinds: 'before,now,tuned', preset: 'balanced' },
  ...{ share: '1', seed: '0', out: 'runs/defaults' },
});
const drawn = here('models/emoji-teacher');
/** A tuned recipe is one that somebody searched for on this very pair. */
const pairs = {
  drawings: { teacher: drawn, data: 'emoji', tuned: 'recipes/distill-emoji.yaml' },
  pairs: { teacher: here('models/emoji-pairs-teacher'), data: 'emoji-pairs', tuned: 'recipes/distill-emoji.yaml' },
  scenes: { teacher: here('models/emoji-pairs-teacher'), data: 'emoji-scenes', tuned: 'recipes/distill-emoji.yaml' },
  // A folder of one's own: its classes by their folders' names, no list of concepts.
  photos: { teacher: drawn, data: process.env.PHOTOS ? `folder:${process.env.PHOTOS}` : undefined },
  shape: {},
};
const share = Number(values.share);
const rows = [];

for (const name of someOf('only', values.only, Object.keys(pairs))) {
  if (name === 'shape') await shapeRow();
  else if (pairs[name].data === undefined) console.error(`${name}: left out: set PHOTOS to a folder of photos`);
  else for (const kind of someOf('kinds', values.kinds, ['before', 'now', 'tuned'])) await row(name, kind, pairs[name]);
}
if (!values.json) print();

async function row(name, kind, { teacher: folder, data, tuned }) {
  if (kind === 'tuned' && !tuned) return;
  const [teacher, dataset] = [await loadCheckpoint(folder), await openDataset(data)];
  const recipe = shortened(recipeOf(kind, { teacher, dataset, data, tuned }));
  const runDir = join(values.out, `${name}-${kind}`);
  mkdirSync(runDir, { recursive: true });
  const { seconds, parameters } = await distill({ teacher, dataset, recipe, runDir });
  const model = await loadModel(join(runDir, 'student'));
  const { zeroShot, retrieval, latency } = await evaluateModel(model, dataset, { latency: true });
  const targets = join(runDir, 'targets');
  add({
    ...{ pair: name, kind, parameters, seconds: Math.round(seconds), latency_ms: latency?.medianMs },
    ...{ top1: zeroShot?.top1, r1: retrieval?.imageToText?.r1 },
    ...{ store: existsSync(targets) ? bytesIn(targets) : 0, split: heldOutSplit(dataset) },
  });
}

/** A recipe of a kind; without its data's name, which `distill` is given. */
function recipeOf(kind, { teacher, dataset, data, tuned }) {
  const base = { seed: Number(values.seed), data: { dataset: data } };
  if (kind === 'tuned') {
    const { made_with: _, ...fields } = parse(readFileSync(here(tuned), 'utf8'));
    return distillRecipe.parse({ ...fields, ...base });
  }
  const recipe = distillRecipe.parse(base);
  if (kind === 'before') return recipe;
  const { split } = recipe.data;
  const images = examplesOf(withSubset(dataset, split, recipe.data, recipe.seed), split).length;
  const { fields } = adaptRecipe(recipe, { wish: { preset: values.preset }, teacher: teacherOf(teacher), images });
  const tree = structuredClone(base);
  for (const [path, value] of Object.entries(fields)) {
    const parts = path.split('.');
    const last = parts.pop();
    let at = tree;
    for (const part of parts) at = at[part] ??= {};
    at[last] = value;
  }
  return distillRecipe.parse(tree);
}

function shortened(recipe) {
  const phases = Object.entries(recipe.phases).map(([phase, one]) => [
    phase,
    { ...one, steps: Math.round(one.steps * share) },
  ]);
  return { ...recipe, phases: Object.fromEntries(phases) };
}

/** Time, memory and disk of a ViT-B/32, which no training of it is needed for. */
async function shapeRow() {
  const photos = join(values.out, 'photos');
  if (!existsSync(join(photos, '0299.jpg'))) await makePhotos(photos, 300);
  const { tokenizer } = await loadCheckpoint(drawn);
  const config = parseClipConfig({
    projection_dim: 512,
    text_config: {
      ...{ hidden_size: 512, intermediate_size: 2048, num_hidden_layers: 12, num_attention_heads: 8 },
      ...{ vocab_size: tokenizer.vocabSize, max_position_embeddings: 77 },
      ...{ bos_token_id: tokenizer.startId, eos_token_id: tokenizer.endId },
    },
    vision_config: {
      ...{ hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12 },
      ...{ image_size: 224, patch_size: 32 },
    },
  });
  const teacher = { config, params: initClip(config, 0), preprocess: clipPreprocess(224), tokenizer };
  const data = `folder:${photos}?classes=cat,dog,owl&into=train`;
  const dataset = await openDataset(data);
  for (const kind of ['before', 'now']) {
    const recipe = recipeOf(kind, { teacher, dataset, data });
    const plan = await planDistill({ teacher, dataset, recipe, runDir: join(values.out, `shape-${kind}`) });
    const before = plan.preparations.reduce((sum, one) => sum + (one.seconds ?? 0), 0);
    add({
      ...{ pair: 'shape', kind: `${kind}, planned`, parameters: plan.parameters.student },
      ...{ seconds: Math.round(before + plan.seconds), store: plan.files[0].bytes, memory: plan.memory },
    });
  }
}

function add(result) {
  rows.push(result);
  if (values.json) console.log(JSON.stringify(result));
  else console.error(JSON.stringify(result));
}

function print() {
  console.log('| pair | default | top-1 or R@1 (95 %) | parameters | ms an image | training | targets |');
  console.log('|---|---|---:|---:|---:|---:|---:|');
  const percent = (x) => (100 * x).toFixed(1);
  for (const { pair, kind, top1, r1, parameters, latency_ms: ms, seconds, store } of rows) {
    const found = top1 ?? r1;
    const figure = found ? `${percent(found.value)} (${percent(found.low)}–${percent(found.high)})` : '–';
    const cells = [pair, kind, figure, parameters.toLocaleString('en-GB'), ms?.toFixed(2) ?? '–'];
    console.log(`| ${[...cells, `${seconds} s`, `${(store / 1e9).toFixed(2)} GB`].join(' | ')} |`);
  }
}
