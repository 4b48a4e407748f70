// What `promptkd distill` does without a recipe, on pairs of data and teacher: the schema's defaults (as they were the default
// before: 500 steps of prompts, 2,000 at 1e-5), what is chosen now, and a recipe tuned on the very pair (defaults-tuned.mjs).
// Top-1, or R@1 of captions, with parameters, latency of an image, training time of the processor and the bytes on disk.
//
//   npm run build && node bench/defaults-table.mjs [--only drawings,pairs,scenes,photos,shape] [--kinds teacher,before,now,tuned]
//     [--preset balanced] [--steps 240] [--images 800] [--views 1] [--test 0] [--seeds 1] [--try all] [--set '{"batch":32}']
//     [--rows bench/defaults-table.jsonl] [--out runs/defaults] [--print] [--json]
//
// --steps shortens each kind to so many, phases in proportion (0: its own). --images takes about so many training images (0: all),
// --views no more than so many views (0: as each kind has them), and --test measures about so many images (0: all). --try measures
// what defaults-tuned.mjs lists (all, or some by name) in place of the table, on images that the table has not, and --set sets
// fields of every recipe. `teacher` is the teacher itself. `photos` is a folder of ten classes: $PHOTOS, or made images
// (class-photos.mjs). `shape` is a teacher of a ViT-B/32's shape at random, on 300 made photos: it knows nothing, so its rows are
// time, disk and memory of a plan. Each finished row is a line of --rows and is not measured again; one that was stopped goes on
// from --out. --print measures nothing.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
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
import { tries, tuned } from './defaults-tuned.mjs';
import { readOptions, someOf } from './options.mjs';
import { makePhotos } from './photos.mjs';
import { RowFile } from './row-file.mjs';

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const values = readOptions({
  ...{ only: 'drawings,pairs,scenes,photos,shape', kinds: 'teacher,before,now,tuned', preset: 'balanced' },
  ...{ steps: '240', images: '800', views: '1', test: '0', seeds: '1', try: undefined, set: '{}' },
  ...{ rows: here('bench/defaults-table.jsonl'), out: 'runs/defaults', print: false },
});
const file = new RowFile(values.rows);
const drawn = here('models/emoji-teacher');
/** `held` names the split that recipes are tuned on. */
const pairs = {
  drawings: { teacher: drawn, data: 'emoji', held: 'style' },
  pairs: { teacher: here('models/emoji-pairs-teacher'), data: 'emoji-pairs', held: 'val' },
  scenes: { teacher: here('models/emoji-pairs-teacher'), data: 'emoji-scenes', held: 'val' },
  photos: { teacher: here('models/emoji-pairs-teacher'), data: process.env.PHOTOS, held: 'val' },
  shape: {},
};
const kinds = ['teacher', 'before', 'now', 'tuned'];
const merge = (a, b) =>
  Object.fromEntries(
    [...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => [
      key,
      isRecord(a[key]) && isRecord(b[key]) ? merge(a[key], b[key]) : (b[key] ?? a[key]),
    ]),
  );
const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

if (!values.print) {
  for (const name of someOf('only', values.only, Object.keys(pairs))) {
    if (name === 'shape') await shapeRow();
    else if (values.try === undefined) await tableRows(name);
    else await tryRows(name);
  }
}
if (!values.json) print();

async function tableRows(name) {
  const { teacher, data } = await withPhotos(name);
  for (let seed = 0; seed < Number(values.seeds); seed++) {
    for (const kind of someOf('kinds', values.kinds, kinds)) {
      if (kind !== 'teacher') await row(name, kind, seed, { teacher, data, fields: tuned[name] });
      else if (seed === 0) {
        const parameters = countParameters((await loadCheckpoint(teacher)).params);
        await measured([name, kind], async () => ({
          parameters,
          ...(await measure(await loadModel(teacher), await openDataset(data))),
        }));
      }
    }
  }
}

async function tryRows(name) {
  const { teacher, data, held } = await withPhotos(name);
  const wanted = values.try === 'all' ? Object.keys(tries) : someOf('try', values.try, Object.keys(tries));
  for (const one of wanted) {
    for (let seed = 0; seed < Number(values.seeds); seed++)
      await row(name, one, seed, { teacher, data, fields: tries[one], held });
  }
}

/** A pair, with the folder of its photos. */
async function withPhotos(name) {
  if (name !== 'photos') return pairs[name];
  const folder = pairs.photos.data ?? join(values.out, 'photos');
  if (pairs.photos.data === undefined) await makeClassPhotos(folder);
  return { ...pairs.photos, data: `folder:${folder}` };
}

async function row(name, kind, seed, { teacher: folder, data, fields, held }) {
  const own = [values.set === '{}' ? [] : values.set, held === undefined ? [] : 'try'].flat();
  const key = [name, kind, seed, ...own];
  await measured(key, async () => {
    const [teacher, dataset] = [await loadCheckpoint(folder), await openDataset(data)];
    const teacherTemplates = trainingOf(folder)?.templates;
    const chosen = await recipeOf(kind, { teacher, dataset, data, seed, fields });
    const recipe = distillRecipe.parse(merge(shortened(chosen), JSON.parse(values.set)));
    const runDir = join(values.out, key.join('-').replaceAll(/[^\w.-]+/g, '_'));
    mkdirSync(runDir, { recursive: true });
    const before = process.cpuUsage();
    const { parameters } = await distill({ teacher, dataset, recipe, runDir, teacherTemplates });
    const { user, system } = process.cpuUsage(before);
    const student = join(runDir, 'student');
    const [store, bytes] = [bytesIn(join(runDir, 'targets')), bytesIn(student)];
    rmSync(join(runDir, 'targets'), { recursive: true });
    return {
      ...{ training: Math.round((user + system) / 1e6), parameters, bytes, store },
      ...(await measure(await loadModel(student), dataset, held)),
    };
  });
}

/** The data with the images that are measured: some of a split, evenly, and no other split. */
function tested(dataset, split) {
  const all = dataset.splits[split];
  const each = Math.max(1, all.length / (Number(values.test) || all.length));
  const few = Array.from({ length: Math.floor(all.length / each) }, (_, i) => all[Math.floor(i * each)]);
  return { ...dataset, splits: { [split]: few } };
}

async function measure(model, dataset, split = 'test') {
  const options = { split, latencyRuns: split === 'test' ? 50 : 0 };
  const { zeroShot, retrieval, latency } = await evaluateModel(model, tested(dataset, split), options);
  return { top1: zeroShot?.top1, r1: retrieval?.imageToText?.r1, latency_ms: latency?.medianMs };
}

/** A recipe of a kind, or one that is tried. */
async function recipeOf(kind, { teacher, dataset, data, seed, fields }) {
  const all = examplesOf(dataset, 'train').length;
  const few = Number(values.images) > 0 && Number(values.images) < all;
  const base = { seed, data: { dataset: data, ...(few && { fraction: Number(values.images) / all }) } };
  const recipe = distillRecipe.parse(base);
  if (kind === 'before') return recipe;
  if (kind !== 'now') {
    const { made_with: _, ...searched } = parse(readFileSync(here('recipes/distill-emoji.yaml'), 'utf8'));
    const { shares, ...own } = fields;
    return shared(distillRecipe.parse(merge(merge(searched, own), base)), shares);
  }
  // As the command derives it where the machine is fast enough: no step is timed.
  const complete = (defaults) => loadRecipe(distillRecipe, { flags: givenFields({ flags: base }), defaults });
  const derived = await deriveRecipe(recipe, {
    ...{ wish: { preset: values.preset }, teacher: teacherOf(teacher), dataset, complete },
  });
  return complete(derived.fields);
}

/** Its steps dealt to the phases anew. */
function shared(recipe, shares) {
  if (shares === undefined) return recipe;
  const all = stepsOf(recipe);
  const steps = { warmup: Math.round(all * shares.warmup), prompt: Math.round(all * shares.prompt) };
  const { warmup, prompt, joint } = recipe.phases;
  return {
    ...recipe,
    phases: {
      warmup: { ...warmup, steps: steps.warmup },
      prompt: { ...prompt, steps: steps.prompt },
      joint: { ...joint, steps: all - steps.warmup - steps.prompt },
    },
  };
}

function stepsOf({ phases }) {
  return Object.values(phases).reduce((sum, { steps }) => sum + steps, 0);
}

/** Ramps are shortened with their phases, where they would take more than a third of one. */
function shortened(recipe) {
  const share = Number(values.steps) > 0 ? Number(values.steps) / stepsOf(recipe) : 1;
  const phases = Object.entries(recipe.phases).map(([phase, one]) => {
    const steps = Math.round(one.steps * share);
    return [phase, { ...one, steps, warmup_steps: Math.min(one.warmup_steps, Math.ceil(steps / 3)) }];
  });
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
    await measured(['shape', kind], async () => {
      const recipe = await recipeOf(kind, { teacher, dataset, data, seed: 0 });
      const plan = await planDistill({ teacher, dataset, recipe, runDir: join(values.out, `shape-${kind}`) });
      const before = plan.preparations.reduce((sum, one) => sum + (one.seconds ?? 0), 0);
      return {
        ...{ training: Math.round(before + plan.seconds), parameters: plan.parameters.student },
        ...{ bytes: 4 * plan.parameters.student, store: plan.files[0].bytes, memory: plan.memory },
      };
    });
  }
}

async function measured(parts, figures) {
  const row = await file.measured(parts.join(' '), async () => ({ parts, ...(await figures()) }));
  if (values.json) console.log(JSON.stringify(row));
  else console.error(JSON.stringify(row));
}

/** One line a pair and kind: the mean over seeds, and each seed. */
function print() {
  console.log(
    '| pair | default | top-1 or R@1, % | each seed | parameters | ms an image | training | student | targets |',
  );
  console.log('|---|---|---:|---|---:|---:|---:|---:|---:|');
  const groups = new Map();
  for (const row of file.rows) {
    const [pair, kind, _seed, ...rest] = row.parts;
    const name = [pair, kind, ...rest].join(' | ');
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  for (const [name, rows] of groups) {
    const found = rows.flatMap(({ top1, r1 }) => top1 ?? r1 ?? []).map(({ value }) => 100 * value);
    const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
    const of = (field, text) => {
      const known = rows.map((row) => row[field]).filter((x) => x !== undefined);
      return known.length === 0 ? '' : text(mean(known));
    };
    const cells = [
      ...[name, found.length ? mean(found).toFixed(1) : '', found.map((x) => x.toFixed(1)).join(', ')],
      of('parameters', (x) => x.toLocaleString('en-GB')),
      of('latency_ms', (x) => x.toFixed(2)),
      of('training', (x) => `${Math.round(x)} s`),
      of('bytes', (x) => `${(x / 1e6).toFixed(1)} MB`),
      of('store', (x) => `${(x / 1e9).toFixed(2)} GB`),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
