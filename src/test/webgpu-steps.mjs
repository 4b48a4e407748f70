// Trains a tiny CLIP for some steps on one device and prints, as JSON, what it saw. The test starts it as a process of
// its own, because the loaders of libraries and of Vulkan drivers read the environment when a process starts.
//
//   node webgpu-steps.mjs cpu|webgpu STEPS fp32|mixed [PROFILE_PREFIX]

import { parseClipConfig } from '../../dist/clip/config.js';
import { initClip } from '../../dist/clip/towers/initialise.js';
import { textTower } from '../../dist/clip/towers/text.js';
import { visionTower } from '../../dist/clip/towers/vision.js';
import { paramFeeds, paramInputs } from '../../dist/nn/index.js';
import { contrastiveLoss } from '../../dist/pretrain/contrastive.js';
import { compile } from '../../dist/runtime/program.js';
import { grad, input, linear } from '../../dist/tensor/index.js';

const [device, steps, precision, profilePrefix] = process.argv.slice(2);
const tower = { hidden_size: 12, intermediate_size: 24, num_hidden_layers: 1, num_attention_heads: 2 };
const config = parseClipConfig({
  projection_dim: 12,
  text_config: { ...tower, vocab_size: 60, max_position_embeddings: 10, bos_token_id: 58, eos_token_id: 59 },
  vision_config: { ...tower, image_size: 16, patch_size: 8 },
});
const params = initClip(config, 4);
const p = paramInputs(params);
const images = visionTower(p, config, input('pixels', [4, 3, 16, 16]));
const texts = textTower(p, config, input('ids', [4, 10], 'int32'), input('ends', [4], 'int32'));
const loss = contrastiveLoss(images.embed, texts.embed, p.logit_scale, input('matches', [4, 4]));
const names = Object.keys(params);
const gradients = grad(loss, Object.values(p));
const outputs = { loss, ...Object.fromEntries(names.map((name, i) => [`gradient/${name}`, gradients[i]])) };
const program = await compile({ outputs }, { device, threads: 1, precision, profilePrefix });

const filled = (shape, data, value) => ({ shape, data: data.map((_, i) => value(i)) });
const feeds = {
  ...paramFeeds(params),
  pixels: filled([4, 3, 16, 16], new Float32Array(4 * 3 * 16 * 16), (i) => Math.sin(i * i)),
  ids: filled([4, 10], new Int32Array(40), (i) => (i * 7) % 58),
  ends: filled([4], new Int32Array(4), (i) => 9 - i),
  matches: filled([4, 4], new Float32Array(16), (i) => (i % 5 === 0 ? 1 : 0)),
};
const losses = [];
const memory = [];
let first;
for (let step = 0; step < Number(steps); step++) {
  const results = await program.run(feeds);
  losses.push(results.loss.data[0]);
  memory.push(process.memoryUsage().rss);
  first ??= Object.fromEntries(names.map((name) => [name, [...results[`gradient/${name}`].data]]));
  for (const name of names) {
    const { data } = params[name];
    const gradient = results[`gradient/${name}`].data;
    for (let i = 0; i < data.length; i++) data[i] -= 0.01 * gradient[i];
  }
}
await program.dispose();

// Weights that the model refers to.
const w = filled([300, 4], new Float32Array(1200), (i) => Math.sin(i));
const product = linear(input('x', [2, 4]), input('w', w.shape));
const holding = await compile({ outputs: { product } }, { device, threads: 1, precision, fixed: { w } });
const x = filled([2, 4], new Float32Array(8), (i) => Math.cos(i));
const { data } = (await holding.run({ x })).product;
await holding.dispose();
console.log(JSON.stringify({ losses, memory, gradients: first, product: [...data] }));
