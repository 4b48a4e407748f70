// A step of the CVPR 2024 recipe, ViT-L/14 → ViT-B/16, random weights: with the teacher's image features stored, with the
// teacher run on each batch, and in PyTorch the public code's way, both of the teacher's towers at every step. The class
// features are computed once here. The loss of the first step must agree.
//
//   npm run build && PROMPTKD_TORCH=path/to/python node bench/stored-targets.mjs [--rounds 2] [--batch 8] [--classes 100]
//     [--images 45] [--views 1,4,8] [--teacher vit-l-14] [--student vit-b-16] [--json]
//
// `pays_from_epoch`: the first epoch after which extraction and steps from the store have taken less time together than steps
// with the live teacher, for so many views of each image in the store: V/x + E/s < E/l, with images a second extracted (x),
// trained from the store (s) and live (l).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { augmentOptions } from '../dist/augment/index.js';
import { clipPreprocess } from '../dist/clip/index.js';
import { cvpr2024Task, liveBatches, storedBatches } from '../dist/cvpr2024/index.js';
import { examplesOf, openDataset } from '../dist/data/index.js';
import { teacherOf } from '../dist/distill/index.js';
import { ViewBatches } from '../dist/loader/index.js';
import { initTeacherPrompts, initVisualStudent, teacherImages, teacherTextFeatures } from '../dist/model/index.js';
import { paramFeeds } from '../dist/nn/index.js';
import { openExecutor, sgd } from '../dist/train/index.js';
import { modelNames, randomClip } from './models.mjs';
import { readOptions, someOf } from './options.mjs';
import { alternate, mustAgree, startPeer } from './peers.mjs';
import { makePhotos } from './photos.mjs';
import { timedTargets } from './timed-targets.mjs';

const values = readOptions({
  ...{ rounds: '2', batch: '8', classes: '100', images: '45', views: '1,4,8' },
  ...{ teacher: 'vit-l-14', student: 'vit-b-16' },
});
const [batch, classes, rounds] = [values.batch, values.classes, values.rounds].map(Number);
for (const role of ['teacher', 'student']) someOf(role, values[role], modelNames);
const lr = 0.005;
const seed = 1;

const models = {
  teacher: randomClip(values.teacher),
  student: randomClip(values.student, (name) => !name.startsWith('text_')),
};
const { config } = models.teacher;
const towers = [config.vision_config, config.text_config, models.student.config.vision_config];
const prompts = { n_ctx: 4, depth: Math.min(9, ...towers.map((tower) => tower.num_hidden_layers)) };
const teacher = { ...models.teacher, prompts: initTeacherPrompts(models.teacher, prompts, seed) };
const visual = initVisualStudent(models.student, config.projection_dim, { ...prompts, seed });
const preprocess = clipPreprocess(config.vision_config.image_size);
const augment = augmentOptions.parse({});

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
  await makePhotos(join(folder, 'photos'), Number(values.images));
  const dataset = await openDataset(`folder:${join(folder, 'photos')}?into=train`);
  const examples = examplesOf(dataset, 'train');
  const { store, imageMs: extractMs } = await timedTargets({
    ...{ dataset, examples, views: 1, augment, seed, hidden: [], attention: [], dir: join(folder, 'targets') },
    teacher: teacherOf({ config, params: teacher.params, preprocess }, { prompts: teacher.prompts }),
  });
  const stored = storedBatches(store, preprocess, { seed, batch, views: 1 });
  const seen = new ViewBatches(dataset, examples, { seed, batch, augment, preprocess });
  const images = await teacherImages(teacher, batch);
  const { data, shape } = (await stored.at(0)).pixels;
  const pixels = { shape, data: data.slice() };
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
  /** Milliseconds of a step on these batches, and its loss. */
  const side = async (batches) => {
    const classesOfTeacher = { texts, logitScale: teacher.params.logit_scale };
    const task = cvpr2024Task(visual, classesOfTeacher, batches, { temperature: 1, kdWeight: 1000 });
    const optimizer = sgd(task.params, { momentum: 0.9, weightDecay: 5e-4 });
    const executor = await openExecutor(task, { optimizer, learningRate: () => lr });
    let loss;
    return {
      async step() {
        const begin = performance.now();
        [
          {
            losses: { total: loss },
          },
        ] = await executor.run(0, 1);
        return performance.now() - begin;
      },
      loss: () => loss,
      dispose: () => executor.dispose(),
    };
  };
  const sidesHere = { promptkd: await side(stored), live: await side(liveBatches(seen, images)) };
  await sidesHere.promptkd.step();
  if (peer) mustAgree('the first step’s loss', sidesHere.promptkd.loss(), (await peer.run(1)).total);
  await sidesHere.live.step();
  const sides = { promptkd: sidesHere.promptkd.step, live: sidesHere.live.step };
  if (peer) sides.torch = async () => (await peer.run(1)).ms;
  const ms = await alternate(sides, rounds, { warmUp: 0, peer });
  peer?.close();
  for (const { dispose } of Object.values(sidesHere)) await dispose();
  await Promise.all([images.dispose(), seen.dispose()]);
  store.close();
  const [storedMs, liveMs] = [ms.promptkd / batch, ms.live / batch]; // an image
  const result = {
    ...{ batch, classes, promptkd_ms: ms.promptkd, live_ms: ms.live, live_ratio: ms.live / ms.promptkd },
    ...{ images_s: 1e3 / storedMs, live_images_s: 1e3 / liveMs, extracted_images_s: 1e3 / extractMs },
  };
  for (const views of values.views.split(',').map(Number)) {
    const epochs = Math.floor((views * extractMs) / (liveMs - storedMs)) + 1;
    result[`pays_from_epoch_with_${views}_views`] = liveMs > storedMs ? epochs : 'never';
  }
  if (peer) Object.assign(result, { torch_ms: ms.torch, ratio: ms.torch / ms.promptkd });
  console.log(values.json ? JSON.stringify(result) : result);
} finally {
  rmSync(folder, { recursive: true });
}
