// What storing a model in few bits costs and saves.
//
//   npm run build
//   node bench/quantize.mjs accuracy [--run models/emoji-student] [--images N] [--finetune 300]
//   node bench/quantize.mjs latency [--out FOLDER] [--runs 20]
//   node bench/quantize.mjs large [--images N]
//
// `accuracy`: top-1 and R@1 on the built-in test drawings, and on those of `val` and `style` together, and bytes of the weights,
// float32 against the default mixture (NF4, FP8 and FP32) rounded directly, with chosen scales, as in GPTQ and as in GPTAQ, and
// with what stays float32 tuned, the default; every weight in INT8; the mixture that measured sensitivity chooses for a sixth
// of the bytes; and both mixtures fine-tuned against the targets of the run's teacher, which are stored in the run's folder or
// made for the time being. `--run` takes what `promptkd quantize` does.
// `latency`: the image encoder of a ViT-B/16 of random weights, one image, every variant in turn; its files are written
// to --out once and used again, or to a temporary folder.
// `large`: how long all of it takes for a student of ViT-B/16's shape and random weights, and in which memory.

import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { readRun } from '../dist/cli/run-files.js';
import { initClip, loadCheckpoint, visionTower } from '../dist/clip/index.js';
import { loadCalibration } from '../dist/compress/quantize/calibration.js';
import { greedyPath, withinBudget } from '../dist/compress/quantize/choose.js';
import { Finetuner } from '../dist/compress/quantize/finetune.js';
import { tuneFloats, usualTuning } from '../dist/compress/quantize/float-tuning.js';
import { quantizeInOrder } from '../dist/compress/quantize/in-order.js';
import { mixtureFor, mixtureOf } from '../dist/compress/quantize/mixture.js';
import { measureMoments } from '../dist/compress/quantize/moments.js';
import { Predictor } from '../dist/compress/quantize/predictor.js';
import { quantizeStudent } from '../dist/compress/quantize/quantize.js';
import { quantizeModel, schemesBeside, weightBytes } from '../dist/compress/quantize/quantize-model.js';
import { measureSensitivity } from '../dist/compress/quantize/sensitivity.js';
import { storedForm } from '../dist/compress/stored-form.js';
import { openDataset } from '../dist/data/index.js';
import { distillRecipe } from '../dist/distill/index.js';
import { evaluateModel } from '../dist/evaluate/index.js';
import { writeFileAtomic } from '../dist/files/index.js';
import { loadRecipe } from '../dist/files/recipe-file.js';
import { median } from '../dist/math/quantile.js';
import { Random } from '../dist/math/random.js';
import { loadTowerModel, modelFolder } from '../dist/model/index.js';
import { paramFeeds, paramInputs } from '../dist/nn/index.js';
import { input, toOnnx } from '../dist/tensor/index.js';
import { imageOnly, randomCheckpoint, vitB16 } from './models.mjs';
import { readOptions, usage } from './options.mjs';

const values = readOptions(
  { run: 'models/emoji-student', images: undefined, finetune: '300', out: undefined, runs: '20' },
  { positionals: 1 },
);
const images = values.images && Number(values.images);
const [what] = values.positionals;
if (what === 'accuracy') await accuracy();
else if (what === 'latency') await latency();
else if (what === 'large') await large();
else usage(`${what ?? 'no argument'}: expected accuracy, latency or large`);

async function accuracy() {
  const run = await readRun(modelFolder(values.run));
  const student = await loadTowerModel(values.run, 'bench');
  const dataset = await openDataset('emoji');
  const calibration = await loadCalibration(student, dataset, { images });
  const moments = await measureMoments(student, calibration);
  const fp32 = weightBytes(student, {});
  const row = async (name, quantized, bytes) => {
    const percent = ({ value }) => Number((100 * value).toFixed(2));
    const figures = {};
    for (const split of ['test', 'val+style']) {
      const options = { split, latencyRuns: 0 };
      const { zeroShot, distinctRetrieval: retrieval } = await evaluateModel(quantized, dataset, options);
      figures[split] = {
        top1: percent(zeroShot.top1),
        r1_image_to_text: percent(retrieval.imageToText.r1),
        r1_text_to_image: percent(retrieval.textToImage.r1),
      };
    }
    console.log(JSON.stringify({ name, ...figures, bytes, smaller: Number((fp32 / bytes).toFixed(2)) }));
  };
  await row('fp32', student, fp32);
  const mixture = mixtureOf(student);
  for (const rounding of ['nearest', 'scales', 'gptq']) {
    const { student: quantized } = await quantizeStudent(student, mixture, { rounding, moments });
    await row(`default mixture, ${rounding}`, quantized, weightBytes(student, mixture));
  }
  const inOrder = async (chosen) => {
    const start = performance.now();
    const made = await quantizeInOrder(student, chosen, calibration);
    console.error(`rounded in order in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    return made;
  };
  const predictor = await Predictor.create(student, calibration);
  const tuned = async (made) => {
    const { kl, ...quantized } = await tuneFloats(student, made, calibration, predictor, {
      steps: usualTuning(student),
    });
    console.error(`tuned: KL on images kept back ${kl.before.toPrecision(3)} to ${kl.after.toPrecision(3)}`);
    return quantized;
  };
  const inOrderAlone = await inOrder(mixture);
  await row('default mixture, gptaq, not tuned', inOrderAlone.student, weightBytes(student, mixture));
  const rounded = await tuned(inOrderAlone);
  await row('default mixture, gptaq, tuned', rounded.student, weightBytes(student, mixture));
  const eight = mixtureFor('q8', mixture);
  await row(
    'int8, nearest',
    (await quantizeStudent(student, eight, { rounding: 'nearest' })).student,
    weightBytes(student, eight),
  );
  const sensitivity = await measureSensitivity(student, predictor, { schemes: schemesBeside('nf4'), moments });
  const sixth = withinBudget(greedyPath(student, sensitivity), fp32 / 6);
  await row('a sixth, gptq', (await quantizeStudent(student, sixth, { moments })).student, weightBytes(student, sixth));
  const roundedSixth = await tuned(await inOrder(sixth));
  await row('a sixth, gptaq, tuned', roundedSixth.student, weightBytes(student, sixth));
  await predictor.dispose();
  const tuner = await Finetuner.create(student, {
    steps: Number(values.finetune),
    teacher: await loadCheckpoint(run.teacher),
    recipe: await loadRecipe(distillRecipe, { file: run.recipeFile }),
    dataset,
    targetsDir: run.targetsDir,
  });
  for (const [name, chosen, start] of [
    ['default mixture', mixture, rounded],
    ['a sixth', sixth, roundedSixth],
  ]) {
    const { student: tuned, loss } = await tuner.tune(start);
    const change = `loss ${loss.before.toFixed(3)} to ${loss.after.toFixed(3)}`;
    await row(`${name}, fine-tuned for ${values.finetune}, ${change}`, tuned, weightBytes(student, chosen));
  }
  await tuner.dispose();
}

async function latency() {
  const config = imageOnly(vitB16);
  const folder = values.out ?? mkdtempSync(join(tmpdir(), 'promptkd-latency-'));
  await mkdir(folder, { recursive: true });
  const files = Object.fromEntries(
    ['fp32', 'bnb4', 'q4', 'q8'].map((dtype) => [dtype, join(folder, `vit-b-16-${dtype}.onnx`)]),
  );
  const missing = Object.keys(files).filter((dtype) => !existsSync(files[dtype]));
  if (missing.length > 0) {
    const student = { config, params: initClip(config, 1) };
    const { params } = student;
    const { embed } = visionTower(paramInputs(params), config, input('pixel_values', ['batch', 3, 224, 224]), {
      pooledOnly: true,
    });
    for (const dtype of missing) {
      const mixture = dtype === 'fp32' ? {} : mixtureFor(dtype, mixtureOf(student));
      const { tensors } = await quantizeStudent(student, mixture, { rounding: 'nearest' });
      const forms = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, storedForm(tensor)]));
      const { bytes } = toOnnx({ outputs: { embed }, initializers: { ...paramFeeds(params), ...forms } });
      await writeFileAtomic(files[dtype], bytes);
    }
  }
  const random = new Random('latency');
  const data = Float32Array.from({ length: 3 * 224 * 224 }, () => random.normal());
  const pixels = new ort.Tensor('float32', data, [1, 3, 224, 224]);
  const sessions = {};
  for (const [dtype, file] of Object.entries(files)) {
    sessions[dtype] = await ort.InferenceSession.create(file, {
      logSeverityLevel: 3,
      intraOpNumThreads: availableParallelism(),
    });
  }
  const times = Object.fromEntries(Object.keys(files).map((dtype) => [dtype, []]));
  for (let run = -3; run < Number(values.runs); run++) {
    for (const [dtype, session] of Object.entries(sessions)) {
      const start = performance.now();
      await session.run({ pixel_values: pixels });
      if (run >= 0) times[dtype].push(performance.now() - start);
    }
  }
  for (const dtype of Object.keys(files)) {
    const bytes = statSync(files[dtype]).size;
    console.log(
      JSON.stringify({
        dtype,
        ms: Number(median(times[dtype]).toFixed(1)),
        of_fp32: Number((median(times[dtype]) / median(times.fp32)).toFixed(3)),
        bytes,
        smaller: Number((statSync(files.fp32).size / bytes).toFixed(2)),
      }),
    );
  }
  if (!values.out) rmSync(folder, { recursive: true });
}

async function large() {
  const out = mkdtempSync(join(tmpdir(), 'promptkd-quantize-'));
  const model = await randomCheckpoint('vit-b-16');
  const seconds = {};
  let [phase, since] = ['', performance.now()];
  const enter = (next) => {
    if (phase) seconds[phase] = (seconds[phase] ?? 0) + (performance.now() - since) / 1000;
    [phase, since] = [next, performance.now()];
  };
  try {
    const { bytes } = await quantizeModel({
      ...{ model, out, dataset: await openDataset('emoji'), images },
      onProgress: (next) => next === phase || enter(next),
    });
    enter('');
    console.log(JSON.stringify({ seconds, bytes, peak_memory_mb: process.resourceUsage().maxRSS / 1024 }));
  } finally {
    rmSync(out, { recursive: true });
  }
}
