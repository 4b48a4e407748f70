// What `promptkd distill` does without a recipe, on pairs of data and teacher: the schema's defaults (as they were the default
// before), what is chosen now, and a tuned recipe where there is one. Top-1, or R@1 of captions, with parameters, latency of an
// image, training time and the store of teacher targets. Prints a Markdown table, or with --json each row as it ends.
//
//   npm run build && node bench/defaults-table.mjs [--only drawings,pairs,scenes,photos,shape] [--kinds teacher,before,now,tuned]
//     [--preset balanced] [--share 1] [--steps 0] [--images 0] [--views 0] [--test 0] [--seed 0] [--out runs/defaults] [--json]
//
// --share scales the steps of all kinds alike, --steps gives each kind so many (0: its own). --images takes about so many training
// images (0: all), --views no more than so many views (0: as each kind has them), and --test measures about so many images (0: all,
// with novel classes and other artists). `teacher` is the teacher itself. `photos` is a folder of ten classes: $PHOTOS, or made
// images (class-photos.mjs). `shape` is a teacher of a ViT-B/32's shape at random, on 300 made photos: it knows nothing, so its
// rows are time, disk and memory of a plan. A run that was stopped goes on from its folder.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { clipPreprocess, initClip, loadCheckpoint, parseClipConfig } from '../dist/clip/index.js';
import { examplesOf, openDataset } from '../dist/data/index.js';
import { deriveRecipe, distill, distillRecipe, planDistill, teacherOf } from '../dist/distill/index.js';
import { evaluateModel } from '../dist/evaluate/index.js';
import { bytesIn } from '../dist/files/index.js';
import { givenFields, loadRecipe } from '../dist/files/recipe-file.js';
import { loadModel, trainingOf } from '../dist/model/index.js';
import { countParameters } from '../dist/prompt/index.js';
import { makeClassPhotos } from './class-photos.mjs';
import { readOptions, someOf } from './options.mjs';
import { makePhotos } from './photos.mjs';

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const values = readOptions({
  ...{ only: 'drawings,pairs,scenes,photos,shape', kinds: 'teacher,before,now,tuned', preset: 'balanced' },
  ...{ share: '1', steps: '0', images: '0', views: '0', test: '0', seed: '0', out: 'runs/defaults' },
});
const drawn = here('models/emoji-teacher');
/** A tuned recipe is one that somebody searched for on this very pair. */
const pairs = {
  drawings: { teacher: drawn, data: 'emoji', tuned: 'recipes/distill-emoji.yaml' },
  pairs: { teacher: here('models/emoji-pairs-teacher'), data: 'emoji-pairs', tuned: 'recipes/distill-emoji.yaml' },
  scenes: { teacher: here('models/emoji-pairs-teacher'), data: 'emoji-scenes', tuned: 'recipes/distill-emoji.yaml' },
  photos: {
    teacher: here('models/emoji-pairs-teacher'),
    data: process.env.PHOTOS,
    tuned: 'recipes/distill-emoji.yaml',
  },
  shape: {},
};
const kinds = ['teacher', 'before', 'now', 'tuned'];
const rows = [];

for (const name of someOf('only', values.only, Object.keys(pairs))) {
  if (name === 'shape') await shapeRow();
  else for (const kind of someOf('kinds', values.kinds, kinds)) await row(name, kind, await withPhotos(name));
}
if (!values.json) print();

/** A pair, with the folder of its photos. */
async function withPhotos(name) {
  if (name !== 'photos') return pairs[name];
  const folder = pairs.photos.data ?? join(values.out, 'photos');
  if (pairs.photos.data === undefined) await makeClassPhotos(folder);
  return { ...pairs.photos, data: `folder:${folder}` };
}

async function row(name, kind, { teacher: folder, data, tuned }) {
  const [teacher, dataset] = [await loadCheckpoint(folder), await openDataset(data)];
  const teacherTemplates = trainingOf(folder)?.templates;
  if (kind === 'teacher') {
    const measured = await measure(await loadModel(folder), dataset);
    return add({ pair: name, kind, parameters: countParameters(teacher.params), ...measured });
  }
  const recipe = shortened(await recipeOf(kind, { teacher, dataset, data, tuned }));
  const runDir = join(values.out, `${name}-${kind}`);
  mkdirSync(runDir, { recursive: true });
  const { seconds, parameters } = await distill({ teacher, dataset, recipe, runDir, teacherTemplates });
  const targets = join(runDir, 'targets');
  add({
    ...{ pair: name, kind, parameters, seconds: Math.round(seconds) },
    ...(await measure(await loadModel(join(runDir, 'student')), dataset)),
    store: existsSync(targets) ? bytesIn(targets) : 0,
  });
}

/** The data with the images that are measured: some of `test`, evenly. */
function tested(dataset) {
  const count = Number(values.test);
  if (count === 0) return dataset;
  const { train, test } = dataset.splits;
  const each = Math.max(1, test.length / count);
  const few = Array.from({ length: Math.floor(test.length / each) }, (_, i) => test[Math.floor(i * each)]);
  return { ...dataset, splits: { train, test: few } };
}

async function measure(model, dataset) {
  const { zeroShot, retrieval, latency } = await evaluateModel(model, tested(dataset));
  return { top1: zeroShot?.top1, r1: retrieval?.imageToText?.r1, latency_ms: latency?.medianMs };
}

/** A recipe of a kind; without its data's name, which `distill` is given. */
async function recipeOf(kind, { teacher, dataset, data, tuned }) {
  const all = examplesOf(dataset, 'train').length;
  const few = Number(values.images) > 0 && Number(values.images) < all;
  const base = {
    seed: Number(values.seed),
    data: { dataset: data, ...(few && { fraction: Number(values.images) / all }) },
  };
  if (kind === 'tuned') {
    const { made_with: _, ...fields } = parse(readFileSync(here(tuned), 'utf8'));
    return distillRecipe.parse({ ...fields, ...base });
  }
  const recipe = distillRecipe.parse(base);
  if (kind === 'before') return recipe;
  // As the command derives it where the machine is fast enough: no step is timed.
  const complete = (defaults) => loadRecipe(distillRecipe, { flags: givenFields({ flags: base }), defaults });
  const derived = await deriveRecipe(recipe, {
    ...{ wish: { preset: values.preset }, teacher: teacherOf(teacher), dataset, complete },
  });
  return complete(derived.fields);
}

function shortened(recipe) {
  const own = Object.values(recipe.phases).reduce((sum, { steps }) => sum + steps, 0);
  const share = Number(values.steps) > 0 ? Number(values.steps) / own : Number(values.share);
  const phases = Object.entries(recipe.phases).map(([phase, one]) => [
    phase,
    { ...one, steps: Math.round(one.steps * share) },
  ]);
  const views = Math.min(recipe.views, Number(values.views) || recipe.views);
  return { ...recipe, views, phases: Object.fromEntries(phases) };
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
    const recipe = await recipeOf(kind, { teacher, dataset, data });
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
    console.log(
      `| ${[...cells, seconds === undefined ? '–' : `${seconds} s`, store === undefined ? '–' : `${(store / 1e9).toFixed(2)} GB`].join(' | ')} |`,
    );
  }
}
