// How many images a second the loader decodes and augments, alone and beside a training step, and what a step costs more
// than with one batch that is there already: for drawings at 48 pixels, and for 2,000 JPEGs at 224.
// "More" is the median over rounds of the mean step of each kind, the kinds in turn, with the least and the most.
//
//   npm run build && node bench/loader.mjs [--workers 0,1] [--steps 8] [--rounds 7] [--images 2000] [--only 48,224]
//     [--photos FOLDER] [--json]
//
// The JPEGs are made in a temporary folder, or in --photos, where they stay for the next time.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { augmentOptions } from '../dist/augment/index.js';
import { clipPreprocess, initClip, parseClipConfig, tokenizerFromJson, trainTokenizer } from '../dist/clip/index.js';
import { examplesOf, openDataset } from '../dist/data/index.js';
import { Loader } from '../dist/loader/index.js';
import { median } from '../dist/math/quantile.js';
import { ContrastiveBatches } from '../dist/pretrain/contrastive-batches.js';
import { contrastiveTask } from '../dist/pretrain/contrastive-task.js';
import { StepGradientsProgram } from '../dist/train/index.js';
import { readOptions, someOf } from './options.mjs';
import { makePhotos } from './photos.mjs';
import { table } from './table.mjs';

const values = readOptions({
  ...{
    workers: `0,${Math.max(1, availableParallelism() - 1)}`,
    steps: '8',
    rounds: '7',
    images: '2000',
    only: '48,224',
    photos: undefined,
  },
});
const only = someOf('only', values.only, ['48', '224']);
const steps = Number(values.steps);
const crews = values.workers.split(',').map(Number);
const context = 16;

const tower = (width, layers, heads) => ({
  hidden_size: width,
  intermediate_size: 4 * width,
  num_hidden_layers: layers,
  num_attention_heads: heads,
});

/** Captions of the drawings are theirs; photographs get some. */
const withCaptions = (dataset) => ({
  ...dataset,
  splits: {
    train: examplesOf(dataset, 'train').map((example, i) => ({
      ...example,
      captions: example.captions.length > 0 ? example.captions : [`image number ${i % 100}`],
    })),
  },
});

/** Each is opened when it is its turn. */
function jobs(photos) {
  return {
    48: async () => ({
      name: '48 px drawings',
      dataset: withCaptions(await openDataset('emoji')),
      augment: augmentOptions.parse({}),
      batch: 64,
      vision: { ...tower(224, 6, 7), image_size: 48, patch_size: 8 },
    }),
    224: async () => ({
      name: '224 px JPEGs',
      dataset: withCaptions(await openDataset(`folder:${photos}?into=train`)),
      augment: augmentOptions.parse({ preset: 'photos' }),
      batch: 16,
      vision: { ...tower(384, 6, 6), image_size: 224, patch_size: 16 },
    }),
  };
}

/** Images a second without anything beside: the first pass, which decodes, and what is kept by then. */
async function alone({ dataset, augment, vision }, workers) {
  const [batch, size] = [64, vision.image_size];
  const examples = examplesOf(dataset, 'train');
  const count = Math.floor(Math.min(examples.length, Number(values.images)) / batch);
  const views = (n) =>
    Array.from({ length: batch }, (_, i) => ({ example: (n * batch + i) % (count * batch), key: ['bench', n, i] }));
  const loader = new Loader(dataset, examples, { size, augment, batch, views }, { workers });
  await loader.batch(0); // workers start, files are opened
  const rates = [];
  for (let n = 1; n <= 2 * count; n += count) {
    const start = performance.now();
    for (let k = n; k < n + count; k++) await loader.batch(k);
    rates.push((1000 * count * batch) / (performance.now() - start));
  }
  await loader.dispose();
  return rates;
}

/** Mean steps of each round, the kinds in turn: on one batch that is there already, and on batches of each crew. */
async function beside(job) {
  const { dataset, augment, batch, vision } = job;
  const texts = [...new Set(dataset.splits.train.flatMap(({ captions }) => captions))];
  const tokenizer = tokenizerFromJson(trainTokenizer(texts, 1024));
  const config = parseClipConfig({
    projection_dim: 128,
    vision_config: vision,
    text_config: {
      ...tower(192, 2, 6),
      vocab_size: tokenizer.vocabSize,
      max_position_embeddings: context,
      bos_token_id: tokenizer.startId,
      eos_token_id: tokenizer.endId,
    },
  });
  const preprocess = clipPreprocess(vision.image_size);
  const source = (workers) =>
    new ContrastiveBatches(dataset, {
      ...{ split: 'train', batch, context, seed: 1, augment, preprocess, tokenizer },
      loader: { workers },
    });
  const kinds = [
    { ready: true, batches: source(0) },
    ...crews.map((workers) => ({ workers, batches: source(workers) })),
  ];
  for (const kind of kinds) Object.assign(kind, { next: 0, means: [], waits: [] });
  let now = kinds[0];
  const ready = await kinds[0].batches.batch(0);
  const feeds = {
    async batch() {
      if (now.ready) return ready;
      const start = performance.now();
      const batch = await now.batches.batch(now.next++);
      now.waits.push(performance.now() - start);
      return batch;
    },
  };
  const task = contrastiveTask(config, initClip(config, 1), feeds, { batch, context, smoothing: 0 });
  const program = await StepGradientsProgram.open(task);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const kind of kinds) {
      now = kind;
      // The first two use up what stands ready.
      let start = 0;
      for (let i = -2; i < steps; i++) {
        if (i === 0) start = performance.now();
        await program.step(0);
        await new Promise((resolve) => setImmediate(resolve));
        if (i < 0) kind.waits.length = round * steps;
      }
      kind.means.push((performance.now() - start) / steps);
    }
  }
  await program.dispose();
  for (const { batches } of kinds) await batches.dispose();
  return kinds.map(({ ready, workers, means, waits }) => ({
    ready,
    workers,
    step: median(means),
    more: means.map((mean, round) => 100 * (mean / kinds[0].means[round] - 1)).toSorted((a, b) => a - b),
    wait: ready ? 0 : median(waits),
  }));
}

const temporary = values.photos ? undefined : mkdtempSync(join(tmpdir(), 'promptkd-photos-'));
const photos = values.photos ?? join(temporary, 'photos');
try {
  if (only.includes('224') && !existsSync(join(photos, '1999.jpg'))) await makePhotos(photos, 2000);
  const all = jobs(photos);
  const rows = [];
  for (const name of only) {
    const job = await all[name]();
    const rates = [];
    for (const workers of crews) rates.push(await alone(job, workers));
    const [{ step: ready }, ...loading] = await beside(job);
    for (const [i, { workers, step, more, wait }] of loading.entries()) {
      const [first, later] = rates[i];
      rows.push({
        ...{ images: job.name, workers, alone_first_images_s: first, alone_later_images_s: later },
        ...{ step_ready_ms: ready, step_loading_ms: step },
        ...{ more_percent: median(more), more_at_least: more[0], more_at_most: more.at(-1) },
        ...{ waited_ms: wait, beside_images_s: (1000 * job.batch) / step },
      });
      if (values.json) console.log(JSON.stringify(rows.at(-1)));
    }
  }
  if (!values.json) console.log(table(rows));
} finally {
  if (temporary) rmSync(temporary, { recursive: true, force: true });
}
