// A step of the CVPR 2024 recipe, ViT-L/14 → ViT-B/16, random weights: here with the teacher's image features stored and its
// class features computed once; in PyTorch the public code's way, both of the teacher's towers at every step. The loss of the
// first step must agree.
//
//   npm run build && PROMPTKD_TORCH=path/to/python node bench/stored-targets.mjs [--rounds 2] [--batch 8] [--classes 100] [--json]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clipPreprocess, normalizePixels } from '../dist/clip/index.js';
import {
  cvpr2024Task,
  initTeacherPrompts,
  initVisualStudent,
  sgd,
  storedBatches,
  teacherImages,
  teacherTextFeatures,
  train,
} from '../dist/distill/index.js';
import { TargetStore } from '../dist/distill/target-store.js';
import { paramFeeds } from '../dist/nn/index.js';
import { randomClip } from './models.mjs';
import { readOptions } from './options.mjs';
import { alternate, mustAgree, startPeer } from './peers.mjs';

const values = readOptions({ rounds: '2', batch: '8', classes: '100' });
const [batch, classes, rounds] = [values.batch, values.classes, values.rounds].map(Number);
const lr = 0.005;
const prompts = { n_ctx: 4, depth: 9 };
const seed = 1;

const models = {
  teacher: randomClip('vit-l-14'),
  student: randomClip('vit-b-16', (name) => !name.startsWith('text_')),
};
const { config } = models.teacher;
const teacher = { ...models.teacher, prompts: initTeacherPrompts(models.teacher, prompts, seed) };
const visual = initVisualStudent(models.student, config.projection_dim, { ...prompts, seed });
const preprocess = clipPreprocess(config.vision_config.image_size);

// Class texts of 77 tokens: start, four places for prompts, a name of three tokens, end, padding.
const length = config.text_config.max_position_embeddings;
const { bos_token_id: start, eos_token_id: end } = config.text_config;
const ids = { shape: [classes, length], data: new Int32Array(classes * length).fill(end) };
const ends = { shape: [classes], data: new Int32Array(classes).fill(8) };
for (let row = 0; row < classes; row++) {
  ids.data.set([start, 343, 343, 343, 343, 320 + row, 1000 + row, 5000 + row], row * length);
}

const folder = mkdtempSync(join(tmpdir(), 'promptkd-stored-'));
try {
  const contents = {
    size: preprocess.size,
    embed: config.projection_dim,
    tokens: 0,
    width: 0,
    hidden: [],
    attention: [],
  };
  const store = await TargetStore.create(folder, {}, { contents, examples: batch, views: 1 });
  const { layout } = store;
  const shard = new Uint8Array(batch * layout.bytes);
  const records = Array.from({ length: batch }, (_, i) => shard.subarray(i * layout.bytes, (i + 1) * layout.bytes));
  const plane = 3 * preprocess.size ** 2;
  const pixels = { shape: [batch, 3, preprocess.size, preprocess.size], data: new Float32Array(batch * plane) };
  for (const [i, record] of records.entries()) {
    layout.pixels(record).forEach((_, at, rgb) => {
      rgb[at] = (at * (i + 3) + at ** 2) % 256;
    });
    normalizePixels(layout.pixels(record), preprocess.size, preprocess, pixels.data, i * plane);
  }
  const images = await teacherImages(teacher, batch);
  const made = await images.features(pixels);
  for (const [i, record] of records.entries()) {
    layout.embed(record).set(made.data.subarray(i * contents.embed, (i + 1) * contents.embed));
  }
  await images.dispose();
  await store.append(shard);
  const texts = await teacherTextFeatures(teacher, { ids, ends });

  const peer = await startPeer(
    'cvpr2024_step.py',
    {
      ...{ pixels, ids, ends },
      ...paramFeeds(teacher.params, 'teacher/'),
      ...paramFeeds(teacher.prompts, 'teacher_prompts/'),
      ...paramFeeds(visual.params, 'student/'),
      ...paramFeeds(visual.prompts, 'prompts/'),
      ...paramFeeds(visual.projector, 'projector/'),
    },
    { lr, teacher: config, student: visual.config },
  );
  const batches = storedBatches(store, preprocess, { seed, batch, views: 1 });
  const logitScale = teacher.params.logit_scale;
  const task = await cvpr2024Task(visual, { texts, logitScale }, batches, { temperature: 1, kdWeight: 1000 });
  const optimizer = sgd(task.params, { momentum: 0.9, weightDecay: 5e-4 });
  let loss;
  const ours = async () => {
    const begin = performance.now();
    await train(task, {
      ...{ steps: 1, optimizer, learningRate: () => lr },
      onStep: ({ losses }) => {
        loss = losses.total;
      },
    });
    return performance.now() - begin;
  };
  await ours();
  if (peer) mustAgree('the first step’s loss', loss, (await peer.run(1)).total);
  const sides = { promptkd: ours };
  if (peer) sides.torch = async () => (await peer.run(1)).ms;
  const ms = await alternate(sides, rounds, { warmUp: 0, peer });
  peer?.close();
  await task.dispose();
  store.close();
  const result = { batch, classes, promptkd_ms: ms.promptkd };
  if (peer) Object.assign(result, { torch_ms: ms.torch, ratio: ms.torch / ms.promptkd });
  console.log(values.json ? JSON.stringify(result) : result);
} finally {
  rmSync(folder, { recursive: true });
}
