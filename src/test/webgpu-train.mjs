// Trains a small task for some steps through the training loop, which on WebGPU keeps the parameters in the GPU's memory, and
// prints losses, memory, and the parameters after eight steps as JSON. A process of its own for the reason that webgpu-steps.mjs gives.
//
//   node webgpu-train.mjs cpu|webgpu contrastive|visual STEPS BATCHES_A_STEP
//
// `contrastive` trains a whole CLIP; `visual` a student's visual prompts and projector, whose batch norm is carried by the graph.

import { parseClipConfig } from '../../dist/clip/config.js';
import { initClip } from '../../dist/clip/towers/initialise.js';
import { cvpr2024Task } from '../../dist/cvpr2024/cvpr2024-task.js';
import { initVisualStudent } from '../../dist/model/visual-student.js';
import { contrastiveTask } from '../../dist/pretrain/contrastive-task.js';
import { adamw } from '../../dist/train/adamw.js';
import { train } from '../../dist/train/loop.js';
import { sgd } from '../../dist/train/sgd.js';

const [device, kind, steps, accumulate] = process.argv.slice(2);
const tower = { hidden_size: 12, intermediate_size: 24, num_hidden_layers: 1, num_attention_heads: 2 };
const config = parseClipConfig({
  projection_dim: 12,
  text_config: { ...tower, vocab_size: 60, max_position_embeddings: 10, bos_token_id: 58, eos_token_id: 59 },
  vision_config: { ...tower, image_size: 16, patch_size: 8 },
});
const filled = (shape, value) => {
  const length = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float32Array.from({ length }, (_, i) => value(i)) };
};
const whole = ({ shape, data }) => ({ shape, data: Int32Array.from(data) });
const pixelsOf = (step) => filled([4, 3, 16, 16], (i) => Math.sin(i * i + step));
const tasks = {
  contrastive() {
    const batch = async (step) => ({
      pixels: pixelsOf(step),
      ids: whole(filled([4, 10], (i) => (i * 7 + step) % 58)),
      ends: whole(filled([4], (i) => 9 - i)),
      matches: filled([4, 4], (i) => (i % 5 === 0 ? 1 : 0)),
    });
    return contrastiveTask(config, initClip(config, 4), { batch }, { batch: 4, context: 10, smoothing: 0 });
  },
  visual() {
    const params = initClip(config, 4);
    const student = initVisualStudent({ config, params }, 12, { n_ctx: 2, depth: 1, seed: 3 });
    const at = async (step) => ({ pixels: pixelsOf(step), teacher: filled([4, 12], (i) => Math.cos(i * i + step)) });
    const classes = { texts: filled([5, 12], (i) => Math.sin(i * i)), logitScale: filled([], () => 2) };
    return cvpr2024Task(student, classes, { batch: 4, size: 16, at }, { temperature: 1, kdWeight: 10 });
  },
};
const task = tasks[kind]();
const carried = Object.fromEntries(Object.entries(task.carried ?? {}).map(([name, { array }]) => [name, array]));
const plain = (tree) => Object.fromEntries(Object.entries(tree).map(([name, { data }]) => [name, [...data]]));
const start = plain(task.params);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const losses = [];
const memory = [];
let early;
await train(task, {
  steps: Number(steps),
  accumulate: Number(accumulate),
  compile: { device, threads: 1 },
  optimizer: kind === 'visual' ? sgd(task.params, { momentum: 0.9, weightDecay: 5e-4 }) : adamw(task.params),
  learningRate: () => 1e-3,
  clipNorm: 1,
  ema: 0.9,
  onStep: async (event) => {
    losses.push(event.losses);
    memory.push(process.memoryUsage().rss);
    if (event.step !== 8) return;
    const kept = same(plain(task.params), start); // on the device: here they are as they began
    const averaged = plain(await event.averaged()); // brings the parameters here, too
    early = { kept, averaged, params: plain(task.params), carried: plain(carried) };
  },
});
console.log(JSON.stringify({ losses, memory, ...early }));
