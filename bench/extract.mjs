// Extraction of a ViT-B/16 teacher's image features, random weights: the program that extraction runs, PyTorch's inference,
// and Transformers.js on an export of the same model, all with the same threads. The features must agree.
//
//   npm run build && PROMPTKD_TORCH=path/to/python node bench/extract.mjs [--rounds 5] [--batch 16] [--json]
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { CLIPVisionModelWithProjection, env, Tensor } from '@huggingface/transformers';
import { clipConfigJson, clipPreprocess } from '../dist/clip/index.js';
import { teacherOf } from '../dist/distill/index.js';
import { exportGraph } from '../dist/model/index.js';
import { paramFeeds } from '../dist/nn/index.js';
import { toOnnx } from '../dist/tensor/index.js';
import { randomClip } from './models.mjs';
import { readOptions } from './options.mjs';
import { alternate, mustAgree, startPeer, threads } from './peers.mjs';

const values = readOptions({ rounds: '5', batch: '16' });
const batch = Number(values.batch);
const { config, params } = randomClip('vit-b-16');
const { image_size: size } = config.vision_config;
const data = Float32Array.from({ length: batch * 3 * size ** 2 }, (_, i) => Math.sin(i * 0.37) * 1.5);
const pixels = { shape: [batch, 3, size, size], data };
const timed = async (work) => {
  const start = performance.now();
  await work();
  return performance.now() - start;
};
const size1 = (numbers) => numbers.reduce((sum, x) => sum + Math.abs(x), 0);

const pass = await teacherOf({ config, params, preprocess: clipPreprocess(size) }).images(batch, {
  hidden: [],
  attention: [],
});
const vision = Object.fromEntries(Object.entries(params).filter(([name]) => name.startsWith('vis')));
const peer = await startPeer('extract.py', { pixels, ...paramFeeds(vision, 'teacher/') }, { config });

const folder = mkdtempSync(join(tmpdir(), 'promptkd-extract-'));
mkdirSync(join(folder, 'onnx'));
writeFileSync(join(folder, 'config.json'), JSON.stringify(clipConfigJson(config)));
const { outputs, weights } = exportGraph('vision_model', { config, params });
writeFileSync(join(folder, 'onnx', 'vision_model.onnx'), toOnnx({ outputs, initializers: weights }).bytes);
env.allowRemoteModels = false;
env.localModelPath = `${dirname(folder)}/`;
const session_options = { intraOpNumThreads: threads };
const other = await CLIPVisionModelWithProjection.from_pretrained(basename(folder), { dtype: 'fp32', session_options });
rmSync(folder, { recursive: true });
const inputs = { pixel_values: new Tensor('float32', data, pixels.shape) };

const sum = size1((await pass.run(pixels)).embed.data);
mustAgree('the features of Transformers.js', sum, size1((await other(inputs)).image_embeds.data));
if (peer) mustAgree('the features', sum, (await peer.run(1)).sum);
const sides = { promptkd: () => timed(() => pass.run(pixels)), transformersjs: () => timed(() => other(inputs)) };
if (peer) sides.torch = async () => (await peer.run(1)).ms;
const ms = await alternate(sides, Number(values.rounds), { peer });
peer?.close();
await pass.dispose();
for (const [side, time] of Object.entries(ms)) {
  const result = {
    side,
    batch,
    ms: time,
    images_per_second: (batch * 1e3) / time,
    promptkd_faster: time / ms.promptkd,
  };
  console.log(values.json ? JSON.stringify(result) : result);
}
