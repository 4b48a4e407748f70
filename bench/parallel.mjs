// Tensor parallelism by width: a full training step of two blocks on one rank and split over more, one thread each, as if
// every rank were a device of its own. It pays where the split step takes less time than the whole one; what it takes
// beyond its share of the whole step is communication, copies between stages, and what every rank computes for itself.
//
//   npm run build && node bench/parallel.mjs [--widths 64,192,384,768] [--ranks 2] [--batch 4] [--tokens 201] [--json]
import { encoder, paramFeeds, paramInputs, shardAxis } from '../dist/nn/index.js';
import { compile } from '../dist/runtime/index.js';
import { grad, input, mean, square } from '../dist/tensor/index.js';
import { readOptions } from './options.mjs';

const values = readOptions({
  ...{ widths: '64,192,384,768', ranks: '2', batch: '4', tokens: '201', layers: '2', runs: '7' },
});
const [batch, tokens, layers, runs] = ['batch', 'tokens', 'layers', 'runs'].map((name) => Number(values[name]));

const filled = (...shape) => {
  const data = new Float32Array(shape.reduce((a, b) => a * b));
  for (let i = 0; i < data.length; i++) data[i] = Math.sin(i) * 0.02;
  return { shape, data };
};
function blocks(width) {
  const params = {};
  for (let layer = 0; layer < layers; layer++) {
    const name = `tower.layers.${layer}`;
    const dense = (part, from, to) => {
      params[`${name}.${part}.weight`] = filled(to, from);
      params[`${name}.${part}.bias`] = filled(to);
    };
    for (const part of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) dense(`self_attn.${part}`, width, width);
    dense('mlp.fc1', width, 4 * width);
    dense('mlp.fc2', 4 * width, width);
    for (const part of ['layer_norm1', 'layer_norm2']) {
      params[`${name}.${part}.weight`] = filled(width);
      params[`${name}.${part}.bias`] = filled(width);
    }
  }
  return params;
}

async function program(params, width, ranks) {
  const p = paramInputs(params, '', ranks);
  const x = input('x', [batch, tokens, width]);
  const shape = { heads: width / 16 > 12 ? 12 : 4, activation: 'quick_gelu', eps: 1e-5, ranks };
  const loss = mean(square(encoder(p, 'tower', x, layers, shape).output));
  const names = Object.keys(p);
  const gradients = grad(loss, Object.values(p));
  const outputs = { loss, ...Object.fromEntries(names.map((name, i) => [`d/${name}`, gradients[i]])) };
  return compile({ outputs, shards: shardAxis }, { ranks, threads: 1 });
}

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
const ranks = Number(values.ranks);
for (const width of values.widths.split(',').map(Number)) {
  const params = blocks(width);
  const feeds = { ...paramFeeds(params), x: filled(batch, tokens, width) };
  const sides = { whole: await program(params, width, 1), split: await program(params, width, ranks) };
  const times = { whole: [], split: [] };
  for (let run = -2; run < runs; run++) {
    for (const [name, side] of Object.entries(sides)) {
      const start = performance.now();
      await side.run(feeds);
      if (run >= 0) times[name].push(performance.now() - start);
    }
  }
  await Promise.all(Object.values(sides).map((side) => side.dispose()));
  const [whole, split] = [median(times.whole), median(times.split)];
  // Every block has two sums of [batch, tokens, width] in each direction.
  const summed_mb = (layers * 4 * batch * tokens * width * 4) / 1e6;
  const result = {
    width,
    ranks,
    whole_ms: whole,
    split_ms: split,
    speedup: whole / split,
    overhead_ms: split - whole / ranks,
    summed_mb,
  };
  console.log(
    values.json
      ? JSON.stringify(result)
      : `width ${width}: ${whole.toFixed(1)} ms whole, ${split.toFixed(1)} ms on ${ranks} ranks (${result.speedup.toFixed(2)} times as fast); ${result.overhead_ms.toFixed(1)} ms beyond its share, ${summed_mb.toFixed(1)} MB summed`,
  );
}
