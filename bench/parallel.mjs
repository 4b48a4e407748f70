// Tensor parallelism by width: a full training step of two blocks, and one of the cross-modal attention alone (W_q and W_k
// split by their columns), on one rank and split over more, one thread each, as if every rank were a device of its own.
// It pays where the split step takes less time than the whole one; what it takes beyond its share of the whole step is
// communication, copies between stages, and what every rank computes for itself.
//
//   npm run build && node bench/parallel.mjs [--widths 64,192,384,768] [--ranks 2] [--batch 4] [--tokens 201]
//     [--words 77] [--dim 32] [--json]
import { headShardAxis, studentCrossMap } from '../dist/distill/index.js';
import { median } from '../dist/math/quantile.js';
import { encoder, paramFeeds, paramInputs, shardAxis } from '../dist/nn/index.js';
import { compile } from '../dist/runtime/index.js';
import { grad, input, mean, square } from '../dist/tensor/index.js';
import { readOptions } from './options.mjs';

const values = readOptions({
  ...{ widths: '64,192,384,768', ranks: '2', batch: '4', tokens: '201', layers: '2', runs: '7' },
  ...{ words: '77', dim: '32' },
});
const [batch, tokens, layers, runs, words, dim] = ['batch', 'tokens', 'layers', 'runs', 'words', 'dim'].map((name) =>
  Number(values[name]),
);

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

/** A step of the blocks: what it is fed, and a program for so many ranks. */
function blockStep(width) {
  const params = blocks(width);
  const program = (ranks) => {
    const p = paramInputs(params, '', ranks);
    const x = input('x', [batch, tokens, width]);
    const shape = { heads: width / 16 > 12 ? 12 : 4, activation: 'quick_gelu', eps: 1e-5, ranks };
    return compiled(encoder(p, 'tower', x, layers, shape).output, p, shardAxis, ranks);
  };
  // Every block has two sums of [batch, tokens, width] in each direction.
  const summed = layers * 4 * batch * tokens * width;
  return { feeds: { ...paramFeeds(params), x: filled(batch, tokens, width) }, program, summed };
}

/** A step of the student's cross-modal map of [batch, tokens, words], with the gradients of both sides. */
function crossStep(width) {
  const params = { 'cross.query': filled(width, dim), 'cross.key': filled(width, dim) };
  const sides = { patches: filled(batch, tokens, width), text: filled(batch, words, width) };
  const program = (ranks) => {
    const p = paramInputs(params, '', ranks, headShardAxis);
    const [patches, text] = Object.entries(sides).map(([name, { shape }]) => input(name, shape));
    const map = studentCrossMap(patches, text, input('mask', [batch, words]), p['cross.query'], p['cross.key'], ranks);
    return compiled(map, { ...p, patches, text }, headShardAxis, ranks);
  };
  // The scores in the forward pass, the gradients of both sides in the backward pass.
  const summed = batch * (tokens * words + tokens * width + words * width);
  const mask = { shape: [batch, words], data: new Float32Array(batch * words).fill(1) };
  return { feeds: { ...paramFeeds(params), ...sides, mask }, program, summed };
}

/** The mean square of `y`, and its gradients by name. */
function compiled(y, wrt, axis, ranks) {
  const loss = mean(square(y));
  const gradients = grad(loss, Object.values(wrt));
  const outputs = { loss, ...Object.fromEntries(Object.keys(wrt).map((name, i) => [`d/${name}`, gradients[i]])) };
  return compile({ outputs, shards: (name) => axis(name.replace('d/', '')) }, { ranks, threads: 1 });
}

const ranks = Number(values.ranks);
for (const width of values.widths.split(',').map(Number)) {
  for (const [work, { feeds, program, summed }] of Object.entries({
    blocks: blockStep(width),
    'cross-modal attention': crossStep(width),
  })) {
    const sides = { whole: await program(1), split: await program(ranks) };
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
    const result = {
      ...{ work, width, ranks },
      whole_ms: whole,
      split_ms: split,
      speedup: whole / split,
      overhead_ms: split - whole / ranks,
      summed_mb: (summed * 4) / 1e6,
    };
    const { speedup, overhead_ms, summed_mb } = result;
    console.log(
      values.json
        ? JSON.stringify(result)
        : `${work}, width ${width}: ${whole.toFixed(1)} ms whole, ${split.toFixed(1)} ms on ${ranks} ranks (${speedup.toFixed(2)} times as fast); ${overhead_ms.toFixed(1)} ms beyond its share, ${summed_mb.toFixed(1)} MB summed`,
    );
  }
}
