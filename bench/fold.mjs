// How much faster an exported vision encoder is with its prompts folded into constant keys and values, and with the
// last block computed for the class token alone. Medians of one image, all variants in turn, random weights.
//
//   npm run build && node bench/fold.mjs [--shape student|vit-b-16] [--prompts 4] [--layers all] [--runs 200] [--json]
//
// `--layers` prompted layers, from the first.

import * as ort from 'onnxruntime-node';
import { initClip, visionTower } from '../dist/clip/index.js';
import { median } from '../dist/math/quantile.js';
import { Random } from '../dist/math/random.js';
import { foldVisionPrompts, promptTokens } from '../dist/model/index.js';
import { paramFeeds, paramInputs } from '../dist/nn/index.js';
import { constant, input, toOnnx } from '../dist/tensor/index.js';
import { imageOnly, vitB16 } from './models.mjs';
import { readOptions } from './options.mjs';

const values = readOptions({ shape: 'student', prompts: '4', layers: 'all', runs: '200' });
const shapes = {
  student: {
    hidden_size: 96,
    intermediate_size: 256,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    image_size: 48,
    patch_size: 8,
  },
  'vit-b-16': vitB16,
};
const config = imageOnly(shapes[values.shape]);
const { image_size: size, hidden_size: width, num_hidden_layers: depth } = config.vision_config;
const params = initClip(config, 1);
const random = new Random('fold');
const normal = (shape) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
});
const prompted = values.layers === 'all' ? depth : Number(values.layers);
const vision = Object.fromEntries(
  Array.from({ length: prompted }, (_, layer) => [`vision.${layer}`, normal([Number(values.prompts), width])]),
);

async function session(pooledOnly, { tokens, prefixes }) {
  const fixed = (host) => host && constant(host);
  const { embed } = visionTower(paramInputs(params), config, input('pixels', ['batch', 3, size, size]), {
    pooledOnly,
    prompts: tokens.map(fixed),
    prefixes: prefixes.map((prefix) => prefix && { key: constant(prefix.key), value: constant(prefix.value) }),
  });
  const { bytes } = toOnnx({ outputs: { embed }, initializers: paramFeeds(params) });
  return ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
}

const none = { tokens: [], prefixes: [] };
const sessions = {
  'prompts as tokens, whole last block': await session(false, promptTokens(vision)),
  'prompts as tokens': await session(true, promptTokens(vision)),
  'prompts folded': await session(true, await foldVisionPrompts(params, config, vision)),
  'no prompts': await session(true, none),
};
const pixels = new ort.Tensor('float32', normal([1, 3, size, size]).data, [1, 3, size, size]);
const times = Object.fromEntries(Object.keys(sessions).map((name) => [name, []]));
for (let run = -20; run < Number(values.runs); run++) {
  for (const [name, model] of Object.entries(sessions)) {
    const start = performance.now();
    await model.run({ pixels });
    if (run >= 0) times[name].push(performance.now() - start);
  }
}
const ms = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, Number(median(all).toFixed(3))]));
const row = {
  shape: values.shape,
  prompts: Number(values.prompts),
  prompted_layers: prompted,
  ms,
  folding: Number((ms['prompts as tokens'] / ms['prompts folded']).toFixed(3)),
  folding_and_last_block: Number((ms['prompts as tokens, whole last block'] / ms['prompts folded']).toFixed(3)),
};
console.log(values.json ? JSON.stringify(row) : row);
