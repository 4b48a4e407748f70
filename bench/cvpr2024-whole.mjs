// Whole distillations of the CVPR 2024 recipe in PyTorch beside the finished runs of `npm run bench:cvpr2024`: from the same first
// values, the same stored images and teacher features in the same order, with autograd, `torch.optim.SGD` and
// `CosineAnnealingLR`, measured on the same images. Prints base, novel and H of both sides, or with --json a row a seed.
//
//   npm run bench:cvpr2024 && PROMPTKD_TORCH=path/to/python node bench/cvpr2024-whole.mjs [--seeds 1,2]
//     [--teacher models/emoji-pairs-teacher --student models/emoji-pairs-features --runs runs/bench-cvpr2024]
//     [--rows bench/cvpr2024-whole.jsonl] [--json]
//
// A seed that stands in --rows is not trained again.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { fitPixels, loadCheckpoint } from '../dist/clip/index.js';
import { renormalized, storedBatches } from '../dist/cvpr2024/image-batches.js';
import { cvpr2024Recipe } from '../dist/cvpr2024/index.js';
import { examplesOf, openDataset } from '../dist/data/index.js';
import { readManifest } from '../dist/distill/targets/target-manifest.js';
import { TargetStore } from '../dist/distill/targets/target-store.js';
import { harmonicMean } from '../dist/evaluate/base-novel.js';
import { datasetPixels, EpochOrder } from '../dist/loader/index.js';
import { initVisualStudent, loadModel } from '../dist/model/index.js';
import { paramFeeds } from '../dist/nn/index.js';
import { compile } from '../dist/runtime/index.js';
import { input } from '../dist/tensor/index.js';
import { machine } from './machine.mjs';
import { readOptions, skip, usage } from './options.mjs';
import { startPeer } from './peers.mjs';
import { RowFile } from './row-file.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const values = readOptions({
  ...{ seeds: '1,2', runs: 'runs/bench-cvpr2024', rows: here('./cvpr2024-whole.jsonl') },
  ...{ teacher: here('../models/emoji-pairs-teacher'), student: here('../models/emoji-pairs-features') },
});
const file = new RowFile(values.rows);

for (const seed of values.seeds.split(',').map(Number)) {
  const row = await file.measured(`seed ${seed}`, () => besidePyTorch(seed));
  if (values.json) console.log(JSON.stringify(row));
}
if (!values.json) {
  const percent = ({ base, novel, harmonic }) => [base, novel, harmonic].map((x) => (x * 100).toFixed(2)).join(' | ');
  console.log('| seed | base, here | novel | H | base, PyTorch | novel | H |\n|---|---:|---:|---:|---:|---:|---:|');
  for (const { seed, here, pytorch } of file.rows) console.log(`| ${seed} | ${percent(here)} | ${percent(pytorch)} |`);
}

async function besidePyTorch(seed) {
  const folder = join(values.runs, `seed-${seed}`);
  const { made_with: _, ...stored } = parse(read(folder, 'recipe.yaml'));
  const recipe = cvpr2024Recipe.parse(stored);
  const ours = JSON.parse(read(folder, 'figures.json')).base_novel.student;
  const { epochs, batch, lr, warmup_lr: warmup, clip, temperature, kd_weight: weight, ...rest } = recipe.distillation;
  if (rest.targets !== 'stored' || rest.classes !== 'all' || temperature !== 1 || weight !== 1000) {
    usage(`${folder}: expected stored targets of all classes, temperature 1 and weight 1000`);
  }
  const [teacher, student] = await Promise.all([values.teacher, values.student].map((path) => loadCheckpoint(path)));
  const { features: texts } = (await loadModel(join(folder, 'student'))).classes;
  const { n_ctx, student_depth } = recipe.prompts;
  const depth = Math.min(student_depth, student.config.vision_config.num_hidden_layers);
  const start = initVisualStudent(student, teacher.config.projection_dim, { n_ctx, depth, seed });

  const seen = await trainingImages(folder, recipe, teacher, student);
  const { stepsPerEpoch } = seen;
  const settings = {
    ...{ lr, clip, teacher: teacher.config, student: student.config },
    schedule: { epochs, steps_per_epoch: stepsPerEpoch, warmup_lr: warmup },
  };
  const peer = await startPeer(
    'cvpr2024_step.py',
    {
      ...{ pixels: seen.pixels, order: seen.order, 'targets/images': seen.features, 'targets/texts': texts },
      ...(await measuredImages(recipe, student)),
      'teacher/logit_scale': teacher.params.logit_scale,
      ...paramFeeds(student.params, 'student/'),
      ...paramFeeds(start.prompts, 'prompts/'),
      ...paramFeeds(start.projector, 'projector/'),
    },
    settings,
  );
  if (!peer) skip('nothing to compare with');
  for (let epoch = 1; epoch < epochs; epoch++) {
    const { total, ms } = await peer.run(stepsPerEpoch);
    console.error(`seed ${seed}: epoch ${epoch} of ${epochs}, loss ${total.toFixed(3)}, ${ms.toFixed(0)} ms a step`);
  }
  await peer.run(stepsPerEpoch - 1);
  const { accuracy } = await peer.run(1, 'accuracy');
  peer.close();
  const [base, novel] = [ours.base.value, ours.novel.value];
  return {
    seed,
    machine: machine.cpu,
    steps: epochs * stepsPerEpoch,
    images: epochs * stepsPerEpoch * batch,
    here: { base, novel, harmonic: ours.harmonic },
    pytorch: { ...accuracy, harmonic: harmonicMean(accuracy.base, accuracy.novel) },
  };
}

function read(folder, name) {
  const path = join(folder, name);
  if (!existsSync(path)) skip(`${path} is not there: run npm run bench:cvpr2024 first`);
  return readFileSync(path, 'utf8');
}

/**
 * The images of a run's distillation as its student takes them, the tuned teacher's features of them, and which of them each step
 * saw: everything as the run itself reads it.
 */
async function trainingImages(folder, { seed, distillation }, teacher, student) {
  const { epochs, batch, views } = distillation;
  const dir = join(folder, 'targets');
  const { fingerprint, contents, shards } = readManifest(dir);
  const records = shards.reduce((sum, shard) => sum + shard.records, 0);
  const store = TargetStore.open(dir, fingerprint, { contents, examples: records / views, views });
  const stepsPerEpoch = Math.floor(store.examples / batch);
  const steps = epochs * stepsPerEpoch;
  const from = storedBatches(store, teacher.preprocess, { seed, batch, views });
  const batches = renormalized(from, teacher.preprocess, student.preprocess);
  const shown = new EpochOrder(store.examples, seed);

  const side = student.config.vision_config.image_size;
  const [plane, width] = [3 * side * side, contents.embed];
  const pixels = { shape: [records, 3, side, side], data: new Float32Array(records * plane) };
  const features = { shape: [records, width], data: new Float32Array(records * width) };
  const order = { shape: [steps, batch], data: new Int32Array(steps * batch) };
  const program = await compile({
    outputs: { fitted: fitPixels(input('pixels', [batch, 3, from.size, from.size]), side) },
  });
  const known = new Set();
  for (let step = 0; step < steps; step++) {
    const own = order.data.subarray(step * batch, (step + 1) * batch);
    for (let i = 0; i < batch; i++) {
      const { example, epoch } = shown.at(step * batch + i);
      own[i] = store.index(example, epoch % views);
    }
    if (own.every((record) => known.has(record))) continue;
    const seen = await batches.at(step);
    const { fitted } = await program.run({ pixels: seen.pixels });
    for (const [i, record] of own.entries()) {
      known.add(record);
      pixels.data.set(fitted.data.subarray(i * plane, (i + 1) * plane), record * plane);
      features.data.set(seen.teacher.data.subarray(i * width, (i + 1) * width), record * width);
    }
  }
  await program.dispose();
  store.close();
  return { pixels, features, order, stepsPerEpoch };
}

/** The images that the recipe measures on as the student takes them, their classes, and which classes are novel. */
async function measuredImages({ data }, student) {
  const dataset = await openDataset(data.dataset);
  const own = [data.base, data.novel].flatMap((split) => examplesOf(dataset, split));
  const { pixels, examples } = await datasetPixels(dataset, own, student.preprocess);
  const labels = Int32Array.from(examples, ({ label }) => label);
  const novel = Int32Array.from(dataset.classes, (one) => Number(one.novel));
  return {
    'measured/pixels': pixels,
    'measured/labels': { shape: [labels.length], data: labels },
    'measured/novel': { shape: [novel.length], data: novel },
  };
}
