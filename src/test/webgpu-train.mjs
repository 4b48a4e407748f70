// Trains a tiny CLIP for some steps through the training loop, which on WebGPU keeps the parameters in the GPU's memory, and
// prints losses, memory, and the parameters after eight steps as JSON. A process of its own for the reason that webgpu-steps.mjs gives.
//
//   node webgpu-train.mjs cpu|webgpu STEPS BATCHES_A_STEP

import { parseClipConfig } from '../../dist/clip/config.js';
import { initClip } from '../../dist/clip/towers/initialise.js';
import { contrastiveTask } from '../../dist/pretrain/contrastive-task.js';
import { adamw } from '../../dist/train/adamw.js';
import { train } from '../../dist/train/loop.js';

const [device, steps, accumulate] = process.argv.slice(2);
const tower = { hidden_size: 12, intermediate_size: 24, num_hidden_layers: 1, num_attention_heads: 2 };
const config = parseClipConfig({
  projection_dim: 12,
  text_config: { ...tower, vocab_size: 60, max_position_embeddings: 10, bos_token_id: 58, eos_token_id: 59 },
  vision_config: { ...tower, image_size: 16, patch_size: 8 },
});
const filled = (shape, data, value) => ({ shape, data: data.map((_, i) => value(i)) });
const batches = {
  batch: async (step) => ({
    pixels: filled([4, 3, 16, 16], new Float32Array(4 * 3 * 16 * 16), (i) => Math.sin(i * i + step)),
    ids: filled([4, 10], new Int32Array(40), (i) => (i * 7 + step) % 58),
    ends: filled([4], new Int32Array(4), (i) => 9 - i),
    matches: filled([4, 4], new Float32Array(16), (i) => (i % 5 === 0 ? 1 : 0)),
  }),
};
const task = contrastiveTask(config, initClip(config, 4), batches, { batch: 4, context: 10, smoothing: 0 });
const losses = [];
const memory = [];
const plain = (tree) => Object.fromEntries(Object.entries(tree).map(([name, { data }]) => [name, [...data]]));
let early;
await train(task, {
  steps: Number(steps),
  optimizer: adamw(task.params),
  learningRate: () => 1e-3,
  clipNorm: 1,
  ema: 0.9,
  onStep: async (event) => {
    losses.push(event.losses.total);
    memory.push(process.memoryUsage().rss);
    if (event.step !== 8) return;
    const averaged = plain(await event.averaged()); // brings the parameters here, too
    early = { averaged, params: plain(task.params) };
  },
});
console.log(JSON.stringify({ losses, memory, ...early, kept: Boolean(task.traced) }));
