// Twenty updates of the CVPR 2024 recipe's distillation beside PyTorch: five epochs of four batches of real drawings, from the
// same start, with the published optimizer and schedule. Every loss must agree to 0.1 %, and at the end the learned parameters
// and the projector's running statistics to 1e-4 (of arrays whose largest number is over 1, of that); the largest difference of
// each is printed. The teacher is the shipped one with fresh prompts, the student the same model without them, so that
// features are those of trained towers.
//
//   npm run build && PROMPTKD_TORCH=path/to/python node bench/cvpr2024-updates.mjs [--batch 8] [--classes 100] [--json]
import { fileURLToPath } from 'node:url';
import { loadCheckpoint } from '../dist/clip/index.js';
import { cvpr2024Recipe, cvpr2024Task, liveBatches } from '../dist/cvpr2024/index.js';
import { examplesOf, openDataset } from '../dist/data/index.js';
import { ViewBatches } from '../dist/loader/index.js';
import {
  initTeacherPrompts,
  initVisualStudent,
  promptedTexts,
  teacherImages,
  teacherTextFeatures,
} from '../dist/model/index.js';
import { paramFeeds } from '../dist/nn/index.js';
import { epochCosine, sgd, train } from '../dist/train/index.js';
import { readOptions, skip } from './options.mjs';
import { mustAgree, startPeer } from './peers.mjs';

const values = readOptions({ batch: '8', classes: '100' });
const [batch, classes] = [values.batch, values.classes].map(Number);
const [epochs, stepsPerEpoch, seed, tolerance] = [5, 4, 1, 1e-4];
const steps = epochs * stepsPerEpoch;
const { prompts, distillation, augment } = cvpr2024Recipe.parse({ prompts: { context: '' } });
const { lr, warmup_lr: first, momentum, weight_decay: weightDecay, temperature, kd_weight: kdWeight } = distillation;

const checkpoint = await loadCheckpoint(fileURLToPath(new URL('../models/emoji-teacher', import.meta.url)));
const { config, params, preprocess, tokenizer } = checkpoint;
const dataset = await openDataset('emoji');
const names = dataset.classes.slice(0, classes).map(({ name }) => name);
const { ids, ends } = promptedTexts(names, prompts, tokenizer, config.text_config.max_position_embeddings);
const teacher = { config, params, prompts: initTeacherPrompts(checkpoint, prompts, seed) };
const depth = Math.min(prompts.student_depth, config.vision_config.num_hidden_layers);
const student = initVisualStudent(checkpoint, config.projection_dim, { n_ctx: prompts.n_ctx, depth, seed });
const texts = await teacherTextFeatures(teacher, { ids, ends });

const examples = examplesOf(dataset, 'train').slice(0, batch * stepsPerEpoch);
const views = new ViewBatches(dataset, examples, { seed, batch, augment, preprocess });
const [width, ...rest] = [steps, ...views.pixels.shape];
const pixels = { shape: [width, ...rest], data: new Float32Array(steps * views.pixels.data.length) };
for (let step = 0; step < steps; step++) {
  await views.fill(step);
  pixels.data.set(views.pixels.data, step * views.pixels.data.length);
}
const copied = (tree, prefix) =>
  Object.fromEntries(
    Object.entries(paramFeeds(tree, prefix)).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
  );
const peer = await startPeer(
  'cvpr2024_step.py',
  {
    ...{ pixels, ids, ends },
    ...paramFeeds(params, 'teacher/'),
    ...paramFeeds(params, 'student/'),
    ...paramFeeds(teacher.prompts, 'teacher_prompts/'),
    ...copied(student.prompts, 'prompts/'),
    ...copied(student.projector, 'projector/'),
  },
  { lr, teacher: config, student: config, schedule: { epochs, steps_per_epoch: stepsPerEpoch, warmup_lr: first } },
);
if (!peer) {
  await views.dispose();
  skip('nothing to compare with');
}

const start = copied({ ...student.prompts, ...student.projector }, '');
const images = await teacherImages(teacher, batch);
const task = cvpr2024Task(student, { texts, logitScale: params.logit_scale }, liveBatches(views, images), {
  temperature,
  kdWeight,
});
const losses = [];
await train(task, {
  steps,
  optimizer: sgd(task.params, { momentum, weightDecay }),
  learningRate: epochCosine({ peak: lr, first, epochs, stepsPerEpoch }),
  onStep: ({ losses: { total } }) => void losses.push(total),
});
await Promise.all([images.dispose(), views.dispose()]);

for (const [step, loss] of losses.entries()) {
  const { total, parameters } = await peer.run(1, step + 1 === steps ? 'parameters' : '');
  mustAgree(`the loss of step ${step + 1}`, loss, total);
  if (!parameters) continue;
  const rows = Object.entries(parameters).map(([name, theirs]) => {
    const { data } = name.startsWith('prompts/')
      ? student.prompts[name.slice('prompts/'.length)]
      : student.projector[name.slice('projector/'.length)];
    const before = start[name.replace(/^(prompts|projector)\//, '')].data;
    const largest = (of) => data.reduce((most, x, i) => Math.max(most, Math.abs(of(x, i))), 0);
    const [scale, difference] = [largest((x) => x), largest((x, i) => x - theirs[i])];
    return { name, scale, moved: largest((x, i) => x - before[i]), difference, relative: difference / scale };
  });
  if (values.json) for (const row of rows) console.log(JSON.stringify(row));
  else console.table(rows);
  const wrong = rows.filter(({ difference, scale }) => !(difference <= tolerance * Math.max(1, scale)));
  peer.close();
  if (wrong.length > 0) {
    throw new Error(`not the same after ${steps} updates: ${wrong.map(({ name }) => name).join(', ')}`);
  }
  const worst = Math.max(...rows.map(({ difference }) => difference));
  console.error(`${steps} updates: all parameters agree, the largest difference is ${worst.toExponential(1)}`);
}
