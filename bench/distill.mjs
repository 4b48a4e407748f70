// Whole distillation steps of the demo's pair: the joint phase of recipes/distill-emoji.yaml with stored targets, the loop
// and the optimizer with it, here and in PyTorch. Both start from the same weights and see the same batches; the total loss
// of the first step must agree. PyTorch's batches stand ready in memory, ours are read from the store at each step.
//
//   npm run build && PROMPTKD_TORCH=path/to/python node bench/distill.mjs [--rounds 5] [--steps 10] [--json]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadRecipe } from '../dist/cli/recipe-file.js';
import { loadCheckpoint } from '../dist/clip/index.js';
import { openDataset } from '../dist/data/index.js';
import { prepare } from '../dist/distill/distill.js';
import { allParams } from '../dist/distill/dual-stream.js';
import { dualStreamTask } from '../dist/distill/dual-stream-task.js';
import { adamw, decaysByDefault, distillRecipe, train } from '../dist/distill/index.js';
import { paramFeeds } from '../dist/nn/index.js';
import { alternate, mustAgree, startPeer } from './peers.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
});
const steps = Number(values.steps);
const lr = 1e-4;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'promptkd-distill-'));
try {
  // A fifth of the drawings in one view each: how many there are does not change a step.
  const recipe = await loadRecipe(distillRecipe, {
    file: here('../recipes/distill-emoji.yaml'),
    set: ['data.fraction=0.2', 'views=1'],
  });
  const teacher = await loadCheckpoint(here('../models/emoji-teacher'));
  const dataset = await openDataset(recipe.data.dataset);
  const { full, batches, phases } = await prepare({ teacher, dataset, recipe, runDir: folder });
  const phase = phases.at(-1);
  const task = await dualStreamTask(full, batches, phase);
  const { beta1, beta2, weight_decay: weightDecay } = recipe.optimizer;
  const decays = (name, shape) => !name.startsWith('heads/') && decaysByDefault(name, shape);
  const optimizer = adamw(task.params, { beta1, beta2, weightDecay, decays });
  let lossOfFirst;
  const ours = async (count) => {
    const start = performance.now();
    await train(task, {
      steps: count,
      optimizer,
      learningRate: () => lr,
      onStep: ({ losses }) => {
        lossOfFirst ??= losses.total;
      },
    });
    return (performance.now() - start) / count;
  };

  const copied = Object.entries({ ...allParams(full), ...paramFeeds(full.teacher, 'teacher/') });
  const tensors = Object.fromEntries(copied.map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
  const wanted = new Set(Object.keys(batches.feeds));
  for (let step = 0; step < steps; step++) {
    for (const [name, { shape, data }] of Object.entries(batches.fill(phase.firstStep + step, wanted))) {
      tensors[`batch${step}/${name}`] = { shape, data: data.slice() };
    }
  }
  const peer = await startPeer('distill_step.py', tensors, {
    ...{ lr, recipe, batches: steps, config: full.config, prompt: full.prompt.config, pairs: full.pairs },
    teacher_layers: full.teacherConfig.vision_config.num_hidden_layers,
  });
  await ours(1);
  if (peer) mustAgree('the first step’s total loss', lossOfFirst, (await peer.run(1)).total);
  const sides = { promptkd: () => ours(steps) };
  if (peer) sides.torch = async () => (await peer.run(steps)).ms;
  const ms = await alternate(sides, Number(values.rounds), { peer });
  peer?.close();
  await task.dispose();
  batches.store.close();
  const result = {
    batch: recipe.batch,
    promptkd_ms: ms.promptkd,
    promptkd_images_s: (recipe.batch * 1e3) / ms.promptkd,
  };
  if (peer) {
    Object.assign(result, { torch_ms: ms.torch, torch_images_s: (recipe.batch * 1e3) / ms.torch });
    result.ratio = ms.torch / ms.promptkd;
  }
  console.log(values.json ? JSON.stringify(result) : result);
} finally {
  rmSync(folder, { recursive: true });
}
