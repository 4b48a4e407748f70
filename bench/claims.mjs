// The method's claims, each measured over seeds, every seed printed: Markdown tables, or with --json one object a row.
//
//   npm run build && node bench/claims.mjs [--tables start,data,tail,parts,quantised] [--seeds 3] [--share 0.25] [--views 8]
//     [--names labels-50,labels-100] [--minutes 60] [--rows bench/claims.jsonl] [--out runs/claims] [--print] [--json]
//
// start      PromptKD against plain KD at equal images, from random weights as usual and from the same start: shares of the
//            teacher's accuracy and R@1, parameters, latency
// data       1, 5, 10, 25 and 100 % of the images of base pairs (40 a class) at equal steps, a small student of drawings going on
// tail       classes of 50 and 100 times as many images as the smallest: PromptKD, KD and labels, all from one start
// parts      one part of the method off, and the settings where it should show: longer, larger prompts, a frozen student
// quantised  direct rounding against what `promptkd quantize` does, of each seed's student
//
// --share scales every phase's steps of recipes/distill-emoji.yaml: 1 is that recipe's own length. Each finished row is a line of
// --rows and is not measured again; rows go from the cheapest to the dearest, seed by seed. --minutes begins no row later than
// that; --print measures nothing. A row that was stopped within its training goes on from --out.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { loadCheckpoint, preprocessAt, saveCheckpoint } from '../dist/clip/index.js';
import { loadCalibration } from '../dist/compress/quantize/calibration.js';
import { tuneFloats, usualTuning } from '../dist/compress/quantize/float-tuning.js';
import { quantizeInOrder } from '../dist/compress/quantize/in-order.js';
import { mixtureOf } from '../dist/compress/quantize/mixture.js';
import { Predictor } from '../dist/compress/quantize/predictor.js';
import { quantizeStudent } from '../dist/compress/quantize/quantize.js';
import { allPairs } from '../dist/data/built-in/emoji-pairs/index.js';
import { examplesOf, openDataset, withSubset } from '../dist/data/index.js';
import { distill, distillRecipe, extractTargets } from '../dist/distill/index.js';
import { startStudent } from '../dist/distill/student/student.js';
import { teacherOf } from '../dist/distill/teacher/teacher.js';
import { byTrainingCount, evaluateModel } from '../dist/evaluate/index.js';
import { spread } from '../dist/math/index.js';
import { loadModel, loadTowerModel } from '../dist/model/index.js';
import { pretrain, pretrainRecipe } from '../dist/pretrain/index.js';
import { machine } from './machine.mjs';
import { readOptions, someOf, usage } from './options.mjs';
import { RowFile } from './row-file.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const tables = ['start', 'data', 'tail', 'parts', 'quantised'];
const values = readOptions({
  ...{
    tables: tables.join(),
    seeds: '3',
    share: '0.25',
    views: '8',
    names: undefined,
    minutes: undefined,
    print: false,
  },
  ...{ rows: here('./claims.jsonl'), out: 'runs/claims' },
});
const wanted = someOf('tables', values.tables, tables);
const share = Number(values.share);
if (!(share > 0)) usage(`--share ${values.share}: expected a number above 0`);
const file = new RowFile(values.rows);

const merge = (a, b) =>
  Object.fromEntries(
    [...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => {
      const [x, y] = [a[key], b[key]];
      const nested = [x, y].every((value) => value && typeof value === 'object' && !Array.isArray(value));
      return [key, nested ? merge(x, y) : (y ?? x)];
    }),
  );

const demo = parse(readFileSync(here('../recipes/distill-emoji.yaml'), 'utf8'));
/** Of the drawings, with `times` as many steps as --share says. */
function recipeOf(change, seed, times = 1) {
  const recipe = distillRecipe.parse(merge({ ...demo, seed, views: Number(values.views) }, change));
  for (const phase of Object.values(recipe.phases)) phase.steps = Math.round(phase.steps * share * times);
  return recipe;
}

/** What is opened once, when a row first needs it. */
const opened = new Map();
const once = (name, open) => {
  if (!opened.has(name)) opened.set(name, open());
  return opened.get(name);
};
const drawings = () => once('emoji', () => openDataset('emoji'));
const teacher = (name) => once(name, () => loadCheckpoint(here(`../models/${name}`)));

/** The images of emoji-pairs by their objects alone: 48 classes of 360 training images, enough for a long tail. */
const objects = () =>
  once('objects', async () => {
    const pairs = await openDataset('emoji-pairs');
    const names = [...new Set(allPairs().map(({ object }) => object))];
    const labels = allPairs().map(({ object }) => names.indexOf(object));
    const of = (example) => ({ ...example, label: labels[example.label], captions: [] });
    const splits = ['train', 'val', 'test'].map((split) => [split, pairs.splits[split].map(of)]);
    return {
      ...{ name: 'emoji-pairs by object', kind: pairs.kind, skipped: pairs.skipped, load: pairs.load },
      classes: names.map((name) => ({ name, novel: false })),
      splits: Object.fromEntries(splits),
      fingerprint: `${pairs.fingerprint}-objects`,
    };
  });

/** Base pairs of every third object of emoji-pairs: 144 classes of 40 training images, and of 6 test images. */
const basePairs = () =>
  once('base pairs', async () => {
    const pairs = await openDataset('emoji-pairs');
    const third = [...new Set(allPairs().map(({ object }) => object))].filter((_, i) => i % 3 === 0);
    const base = allPairs().flatMap(({ novel, object }, label) => (!novel && third.includes(object) ? label : []));
    const of = (example) => (base.includes(example.label) ? { ...example, label: base.indexOf(example.label) } : []);
    const splits = ['train', 'val', 'test'].map((split) => [split, pairs.splits[split].flatMap(of)]);
    return {
      ...{ name: 'base pairs of 16 objects', kind: pairs.kind, skipped: pairs.skipped, load: pairs.load },
      classes: base.map((label) => pairs.classes[label]),
      splits: Object.fromEntries(splits),
      fingerprint: `${pairs.fingerprint}-base-16`,
    };
  });

/** @param store folder of the teacher's targets, shared by rows of the same images */
async function distilled({ name, seed, recipe, dataset, from = 'emoji-teacher', store, latencyRuns = 0 }) {
  const runDir = join(values.out, `${name}-${seed}`);
  const targetsDir = join(values.out, `targets-${store ?? 'all'}-${seed}`);
  const given = { teacher: await teacher(from), dataset, runDir, targetsDir };
  // All layers and maps that any row reads, whichever row comes first.
  const { feature, attention } = recipe.losses;
  const maps = recipe.losses.layers !== 'none';
  const read = { feature: { ...feature, enabled: true }, attention: { ...attention, enabled: maps } };
  await extractTargets({
    ...given,
    recipe: { ...recipe, method: 'promptkd', losses: { ...recipe.losses, ...read } },
  });
  const run = await distill({ ...given, recipe });
  const model = await loadModel(run.folder);
  const evaluation = await evaluateModel(model, dataset, { latencyRuns });
  return {
    evaluation,
    figures: { ...figuresOf(evaluation), images: run.imagesSeen, trained_seconds: Math.round(run.seconds) },
  };
}

function figuresOf({ zeroShot, distinctRetrieval, params, latency }) {
  return {
    top1: zeroShot.top1.value,
    top1_interval: [zeroShot.top1.low, zeroShot.top1.high],
    macro_f1: zeroShot.macroF1,
    ...(distinctRetrieval && {
      r1_image_to_text: distinctRetrieval.imageToText.r1.value,
      r1_text_to_image: distinctRetrieval.textToImage.r1.value,
    }),
    parameters: params,
    ...(latency && { latency_ms: latency.medianMs }),
  };
}

const off = (loss) => ({ losses: { [loss]: { enabled: false } } });
const prompted = { method: 'promptkd' };

/** All rows: table, name, title, seed or 0 for what has none, relative cost, and what gives the figures. */
function rowsOf(seed) {
  const plain = (table, name, title, cost, change, times = 1, more = {}) => ({
    ...{ table, name, title, seed, cost },
    run: async () => {
      const recipe = recipeOf(change, seed, times);
      return (await distilled({ name: `${table}-${name}`, seed, recipe, dataset: await drawings(), ...more })).figures;
    },
  });
  const timed = { latencyRuns: 50 };
  return [
    plain('start', 'promptkd', 'PromptKD', 1, prompted, 1, timed),
    plain('start', 'kd', 'plain KD, random start', 0.8, { method: 'kd' }, 1, timed),
    plain('start', 'kd-inherit', 'plain KD, the same start', 0.8, { method: 'kd', kd: { init: 'inherit' } }, 1, timed),

    ...[0.01, 0.05, 0.1, 0.25, 1].map((fraction) => ({
      ...{ table: 'data', name: `fraction-${fraction}`, title: `${fraction * 100} % of the images`, seed },
      ...{ cost: 2 + fraction, run: () => littleData(seed, fraction) },
    })),
    ...[
      ['teacher', 'teacher', 'emoji-pairs-teacher'],
      ['start', 'emoji-student, the start', 'emoji-student'],
    ].map(([name, title, folder]) => ({
      ...{ table: 'data', name, title, seed: 0, cost: 0.2 },
      run: async () =>
        figuresOf(
          await evaluateModel(await loadModel(here(`../models/${folder}`)), await basePairs(), { latencyRuns: 0 }),
        ),
    })),

    ...[50, 100].flatMap((imbalance) =>
      [
        ['promptkd', 'PromptKD', prompted],
        ['kd', 'plain KD', { method: 'kd', kd: { init: 'inherit' } }],
        ['labels', 'labels', undefined],
      ].map(([name, title, change]) => ({
        ...{ table: 'tail', name: `${name}-${imbalance}`, title: `${title}, imbalance ${imbalance}`, seed, cost: 3 },
        run: () => longTailed(`tail-${name}-${imbalance}`, seed, imbalance, change),
      })),
    ),

    plain('parts', 'no-prompts', 'without prompts', 1, { prompts: { enabled: false } }),
    plain('parts', 'no-attention', 'without attention', 1, off('attention')),
    plain('parts', 'no-coordination', 'without gradient coordination', 1, { coordination: { clip: 0, gamma: 1 } }),
    plain('parts', 'no-feature', 'without features', 1, off('feature')),
    plain('parts', 'no-response', 'without responses', 1, off('response')),
    plain('parts', 'attention-400', 'attention at four times its weight', 1, {
      losses: { attention: { weight: 400 } },
    }),
    plain('parts', 'prompts-8', 'eight prompts instead of two', 1.1, { prompts: { n_ctx: 8 } }),
    plain('parts', 'long', 'whole, four times as long', 4, prompted, 4),
    plain('parts', 'long-no-prompts', 'without prompts, four times as long', 4, { prompts: { enabled: false } }, 4),
    plain('parts', 'long-no-attention', 'without attention, four times as long', 4, off('attention'), 4),
    plain('parts', 'frozen', 'a frozen student’s prompts alone', 0.7, frozenStudent),
    {
      ...{ table: 'parts', name: 'frozen-bare', title: 'that student without prompts', seed: 0, cost: 0.1 },
      run: bare,
    },

    ...['nearest', 'ours'].map((way) => ({
      ...{ table: 'quantised', name: way, seed, cost: way === 'ours' ? 1.5 : 1.2 },
      title: way === 'ours' ? 'NF4 and FP8, promptkd quantize' : 'NF4 and FP8, rounded directly',
      run: () => quantised(way, seed),
    })),
  ];
}

const frozenStudent = {
  student: { init: 'given', checkpoint: here('../models/emoji-student') },
  phases: { warmup: { steps: 0 }, prompt: { steps: 1600 }, joint: { steps: 0 } },
};

async function bare() {
  const { prompts: _, ...student } = await loadTowerModel(here('../models/emoji-student'), 'bench');
  return figuresOf(await evaluateModel(student, await drawings(), { latencyRuns: 0 }));
}

/** Fewer images are seen in more views, at most as many together as all images have: the teacher is asked no more often. */
async function littleData(seed, fraction) {
  const name = `fraction-${fraction}`;
  const recipe = distillRecipe.parse(
    merge(demo, {
      ...{ seed, data: { fraction }, views: fraction < 0.2 ? 4 : fraction < 1 ? 2 : 1 },
      student: { init: 'given', checkpoint: here('../models/emoji-student') },
      // An image's captions say little more than its class; layers and maps of 65 teacher tokens would double the time.
      texts: { captions: false },
      losses: { layers: 'none', attention: { enabled: false }, cross_modal: { enabled: false } },
      checkpoint_every: 50,
      // Attribute and count must stay.
      augment: { scale: 0.8, rotation: 10, jitter: 0.15, grayscale: 0 },
      phases: { warmup: { lr: 4e-3 }, joint: { lr: 2e-3 } },
    }),
  );
  for (const phase of Object.values(recipe.phases)) phase.steps = Math.round(phase.steps * share);
  const given = {
    name: `data-${name}`,
    seed,
    recipe,
    dataset: await basePairs(),
    from: 'emoji-pairs-teacher',
    store: name,
  };
  return (await distilled(given)).figures;
}

/** @param change of the recipe; undefined: by labels alone */
async function longTailed(name, seed, imbalance, change) {
  const from = 'emoji-pairs-teacher';
  const dataset = await objects();
  const shape = { data: { imbalance }, views: 2, student: { vision: { image_size: 48 } } };
  const recipe = recipeOf(merge(shape, change ?? prompted), seed);
  const trained = withSubset(dataset, 'train', { imbalance }, seed);
  const tail = ({ predictions }) => {
    const few = byTrainingCount(predictions, examplesOf(trained, 'train')).find((group) => group.name === 'few');
    return { few_top1: few.top1.value, few_macro_f1: few.macroF1, few_classes: few.classes };
  };
  if (change) {
    const { evaluation, figures } = await distilled({ name, seed, recipe, dataset, from, store: `tail-${imbalance}` });
    return { ...figures, ...tail(evaluation) };
  }
  // Labels know no teacher's features: from the same start, as many images.
  const source = teacherOf(await teacher(from));
  const { config, params, tokenizer } = await startStudent(recipe, source, { dataset: trained });
  const start = join(values.out, `start-${name}-${seed}`);
  const preprocess = preprocessAt((await teacher(from)).preprocess, config.vision_config.image_size);
  if (!existsSync(start)) await saveCheckpoint(start, { config, params, tokenizer, preprocess });
  const steps = Object.values(recipe.phases).reduce((sum, phase) => sum + phase.steps, 0);
  const by = pretrainRecipe.parse({
    ...{ from: start, seed, steps, batch: recipe.batch, data: { imbalance }, augment: recipe.augment },
    ...{ optimizer: { lr: 1e-3, warmup_steps: 50 }, ema: 0.99, evaluation: { every: 0 } },
    templates: recipe.texts.templates,
  });
  // Its texts are made of the names: the others read none, so the data has none.
  const named = (example) => ({ ...example, captions: [dataset.classes[example.label].name], captionsMade: true });
  const splits = Object.fromEntries(Object.entries(dataset.splits).map(([split, all]) => [split, all.map(named)]));
  const runDir = join(values.out, `${name}-${seed}`);
  const run = await pretrain({ recipe: by, dataset: { ...dataset, splits }, runDir });
  const evaluation = await evaluateModel(await loadModel(run.folder), dataset, { latencyRuns: 0 });
  return {
    ...figuresOf(evaluation),
    ...tail(evaluation),
    images: steps * recipe.batch,
    trained_seconds: Math.round(run.seconds),
  };
}

/** Of the student of table `start`, which is trained where it is not there. */
async function quantised(way, seed) {
  const dataset = await drawings();
  await distilled({ name: 'start-promptkd', seed, recipe: recipeOf(prompted, seed), dataset });
  const student = await loadTowerModel(join(values.out, `start-promptkd-${seed}`), 'bench');
  const mixture = mixtureOf(student);
  const made = async () => {
    if (way === 'nearest') return (await quantizeStudent(student, mixture, { rounding: 'nearest' })).student;
    const calibration = await loadCalibration(student, dataset, {});
    const inOrder = await quantizeInOrder(student, mixture, calibration);
    const predictor = await Predictor.create(student, calibration);
    return (await tuneFloats(student, inOrder, calibration, predictor, { steps: usualTuning(student) })).student;
  };
  return figuresOf(await evaluateModel(await made(), dataset, { latencyRuns: 0 }));
}

async function teacherRow() {
  const model = await loadTowerModel(here('../models/emoji-teacher'), 'bench');
  return figuresOf(await evaluateModel(model, await drawings(), { latencyRuns: 50 }));
}

const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1);
const known = new Map();
const all = [
  { table: 'start', name: 'teacher', title: 'teacher', seed: 0, cost: 0, run: teacherRow },
  ...seeds.flatMap((seed) => rowsOf(seed).sort((a, b) => a.cost - b.cost)),
].filter(({ table, name, seed }) => {
  const key = `${table}/${name}/${seed}`;
  const named = values.names === undefined || values.names.split(',').includes(name);
  return named && wanted.includes(table) && !known.has(key) && known.set(key, true);
});
const keyOf = ({ table, name, seed }) =>
  name === 'teacher' || seed === 0
    ? `${table}/${name}`
    : `${table}/${name}/share ${share}/views ${values.views}/seed ${seed}`;

const end = values.minutes === undefined ? Infinity : performance.now() + Number(values.minutes) * 60_000;
for (const row of all) {
  const done = file.of(keyOf(row));
  if (!done && (values.print || performance.now() > end)) continue;
  const { table, name, title, seed } = row;
  const found = await file.measured(keyOf(row), async () => ({
    table,
    name,
    title,
    seed,
    share,
    machine: machine.cpu,
    ...(await row.run()),
  }));
  if (!done)
    console.error(`${keyOf(row)}: top-1 ${(found.top1 * 100).toFixed(1)} %, ${found.cpu_seconds} s of processor`);
  if (values.json) console.log(JSON.stringify(found));
}
if (!values.json) for (const table of wanted) printTable(table);

function printTable(table) {
  const own = all.filter((row) => row.table === table);
  const found = (row) => file.of(keyOf(row));
  const missing = own.filter((row) => !found(row)).length;
  const full = (seed) => found(own.find((row) => row.name === 'fraction-1' && row.seed === seed) ?? own[0]);
  const columns = {
    'top-1': (row) => row.top1,
    'macro-F1': (row) => row.macro_f1,
    ...(table === 'data'
      ? { 'of all images’ top-1': ({ seed, top1 }) => seed > 0 && full(seed) && top1 / full(seed).top1 }
      : table === 'tail'
        ? { 'few-shot classes: top-1': (row) => row.few_top1, 'macro-F1 of these': (row) => row.few_macro_f1 }
        : { 'R@1 image → text': (row) => row.r1_image_to_text, 'R@1 text → image': (row) => row.r1_text_to_image }),
  };
  console.log(`\n## ${table}\n\nIn %, every seed: mean ± deviation.\n`);
  console.log(`| | ${Object.keys(columns).join(' | ')} | parameters | ms an image |`);
  console.log(`|---|${'---:|'.repeat(Object.keys(columns).length + 2)}`);
  for (const name of new Set(own.map((row) => row.name))) {
    const rows = own.filter((row) => row.name === name).flatMap((row) => found(row) ?? []);
    if (rows.length === 0) continue;
    const cells = Object.values(columns).map((of) => everySeed(rows.flatMap((row) => of(row) || [])));
    const latency = rows.flatMap((row) => row.latency_ms ?? []);
    const ms = latency.length > 0 ? spread(latency).mean.toFixed(2) : '';
    console.log(`| ${[rows[0].title, ...cells, rows[0].parameters.toLocaleString('en'), ms].join(' | ')} |`);
  }
  if (missing > 0) console.log(`\nNot measured: ${missing} of ${own.length} rows.`);
}

/** Shares in per cent: each, and of several the mean and the deviation. */
function everySeed(shares) {
  const each = shares.map((share) => (share * 100).toFixed(1)).join(', ');
  if (shares.length < 2) return each;
  const { mean, deviation } = spread(shares.map((share) => share * 100));
  return `${each}: ${mean.toFixed(1)} ± ${deviation.toFixed(1)}`;
}
