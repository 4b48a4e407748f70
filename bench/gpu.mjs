// A vision tower's work on a GPU: extracting a teacher's features, learning deep prompts through frozen weights, and training
// all parameters, which stay in the GPU's memory. Beside it the same in PyTorch on the same GPU, where PROMPTKD_TORCH names a
// Python that has it: pixels come from the host at every step on both sides. Results must agree.
//
//   npm run build && PROMPTKD_TORCH=path/to/python node bench/gpu.mjs --device webgpu [--models vit-b-16,vit-l-14]
//     [--work extract,prompts,full] [--precision fp32,mixed] [--batch 32] [--rounds 3] [--json]
//
// `--device cuda` needs ONNX Runtime's CUDA libraries (README.md). ONNX Runtime's products of fp32 are TF32 on CUDA, as PyTorch's
// are where it is told so: PyTorch is timed both ways.
import { examine } from '../dist/cli/examine.js';
import { clipPreprocess, visionTower } from '../dist/clip/index.js';
import { teacherOf } from '../dist/distill/index.js';
import { copyParams, paramFeeds, paramInputs, prefixed } from '../dist/nn/index.js';
import * as t from '../dist/tensor/index.js';
import { adamw, openExecutor } from '../dist/train/index.js';
import { lossScaleFor } from '../dist/train/loss-scale.js';
import { modelNames, randomClip } from './models.mjs';
import { readOptions, skip, someOf, usage } from './options.mjs';
import { alternate, mustAgree, startPeer } from './peers.mjs';

const values = readOptions({
  ...{ device: 'webgpu', models: 'vit-b-16,vit-l-14', work: 'extract,prompts,full', precision: 'fp32,mixed' },
  ...{ batch: '32', rounds: '3' },
});
const works = someOf('work', values.work, ['extract', 'prompts', 'full']);
const precisions = someOf('precision', values.precision, ['fp32', 'mixed']);
const models = someOf('models', values.models, modelNames);
const batch = Number(values.batch);
const { device } = values;
if (!['webgpu', 'cuda'].includes(device)) usage(`--device ${device}: expected webgpu or cuda`);
const found = (await examine()).find(({ name }) => name === device);
if (found.state !== 'ok') skip(`${device}: ${found.detail}`);
const learningRate = 1e-5;

/** Starts a work. `run(steps)` gives what the last step reports; parameters move on, so the peer's must, too. */
const open = {
  async extract({ config, params }, pixels, precision) {
    const preprocess = clipPreprocess(config.vision_config.image_size);
    const teacher = teacherOf({ config, params, preprocess }, { compile: { device, precision } });
    const pass = await teacher.images(batch, { hidden: [], attention: [] });
    const size1 = (x) => x.reduce((sum, v) => sum + Math.abs(v), 0) / x.length;
    return {
      stepsAtOnce: 1,
      run: async (steps) => {
        let last;
        for (let i = 0; i < steps; i++) last = size1((await pass.run(pixels)).embed.data);
        return last;
      },
      dispose: () => pass.dispose(),
    };
  },
  async prompts({ config, params, prompts }, pixels, precision) {
    const own = copyParams(prompts);
    const p = paramInputs(own, 'prompts/');
    const loss = lossOf(paramInputs(params, 'student/'), config, pixels, Object.values(p));
    const frozen = paramFeeds(params, 'student/');
    return openTask(
      { params: paramFeeds(own, 'prompts/'), parameters: prefixed(p, 'prompts/'), frozen },
      loss,
      pixels,
      precision,
    );
  },
  async full({ config, params }, pixels, precision) {
    const own = copyParams(params);
    const p = paramInputs(own);
    return openTask({ params: own, parameters: p, frozen: {} }, lossOf(p, config, pixels), pixels, precision);
  },
};

async function openTask(trained, loss, pixels, precision) {
  const groups = [{ name: 'total', loss }];
  const task = { ...trained, losses: { loss }, groups, feeds: async () => ({ pixels }), imagesPerBatch: batch };
  const executor = await openExecutor(task, {
    optimizer: adamw(task.params),
    learningRate: () => learningRate,
    lossScale: lossScaleFor(precision),
    compile: { device, precision },
  });
  let done = 0;
  return {
    stepsAtOnce: executor.stepsAtOnce,
    run: async (steps) => {
      const reports = await executor.run(done, steps);
      done += steps;
      return reports.at(-1).losses.loss;
    },
    dispose: () => executor.dispose(),
  };
}

function lossOf(p, config, pixels, prompts = []) {
  const tower = visionTower(p, config, t.input('pixels', pixels.shape), { prompts, pooledOnly: true });
  return t.mean(t.square(tower.embed));
}

for (const name of models) {
  const { config, params } = randomClip(name, (key) => key.startsWith('vis'));
  const { image_size: size, hidden_size: width } = config.vision_config;
  const data = Float32Array.from({ length: batch * 3 * size ** 2 }, (_, i) => Math.sin(i * 0.37) * 1.5);
  const pixels = { shape: [batch, 3, size, size], data };
  const prompts = Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => [
      `${i}`,
      { shape: [4, width], data: Float32Array.from({ length: 4 * width }, (_, j) => 0.02 * Math.sin(j * (i + 3))) },
    ]),
  );
  const model = { config, params, prompts };
  const tensors = { pixels, ...paramFeeds(params, 'student/'), ...paramFeeds(prompts, 'prompts/') };
  const peer = await startPeer('gpu_step.py', tensors, { config });
  for (const work of works) {
    for (const precision of precisions) {
      const start = performance.now();
      const ours = await open[work](model, pixels, precision);
      const found = await ours.run(1);
      const startSeconds = (performance.now() - start) / 1000;
      const steps = ours.stepsAtOnce;
      const sides = {
        ours: async () => {
          const began = performance.now();
          await ours.run(steps);
          return (performance.now() - began) / steps;
        },
      };
      const ways = precision === 'mixed' ? ['mixed'] : ['fp32', 'tf32'];
      if (peer) {
        const { sum } = await peer.run(1, `${work} ${ways[0]}`);
        // Parameters move on with every step: only the first report of a work is of the same ones.
        if (precision === 'fp32' || work === 'extract') mustAgree(`${name}, ${work}, ${precision}`, found, sum, 1e-2);
        for (const way of ways) sides[`torch_${way}`] = async () => (await peer.run(steps, `${work} ${way}`)).ms;
      }
      const ms = await alternate(sides, Number(values.rounds), { peer });
      await ours.dispose();
      const row = { device, model: name, work, precision, batch, steps_a_run: steps, first_step_s: startSeconds };
      for (const [side, time] of Object.entries(ms)) {
        row[`${side}_ms`] = time;
        row[`${side}_images_per_second`] = (batch * 1e3) / time;
      }
      console.log(values.json ? JSON.stringify(row) : row);
    }
  }
  peer?.close();
}
