// Trains a tiny net on the tensor engine: who drew an image, from its embedding.
// node examples/train-tensor.mjs [steps]
import { loadModel, openDataset } from 'promptkd';
import { examplesOf } from 'promptkd/data';
import { embedImages } from 'promptkd/evaluate';
import { add, compile, input, matmul, nn, relu } from 'promptkd/tensor';
import { adamw, Random, train, warmupCosine } from 'promptkd/train';

const [steps = 200, count = 700] = process.argv.slice(2).map(Number);
const [batch, inner] = [64, 32];

const dataset = await openDataset('emoji');
const images = new Random('images').shuffle(examplesOf(dataset, 'train')).slice(0, count);
const { rows } = await embedImages(await loadModel('promptkd:emoji-student'), dataset, images); // [count, P]
const artists = [...new Set(images.map(({ artist }) => artist))];
const labels = images.map(({ artist }) => artists.indexOf(artist));
const held = Math.floor(count / 5); // the first fifth is not trained on

// The net: two layers, [B, P] → [B, artists].
const draw = (/** @type {number[]} */ ...shape) => {
  const [from = 1, to = 1] = shape;
  const random = new Random('weights', from, to);
  return { shape, data: Float32Array.from({ length: from * to }, () => random.normal() / Math.sqrt(from)) };
};
const params = { w1: draw(rows.width, inner), b1: draw(1, inner), w2: draw(inner, artists.length) };
const net = (/** @type {number} */ size) => {
  const p = nn.paramInputs(params);
  const hidden = relu(add(matmul(input('x', [size, rows.width]), nn.param(p, 'w1')), nn.param(p, 'b1')));
  return { p, logits: matmul(hidden, nn.param(p, 'w2')) };
};
const rowsOf = (/** @type {number[]} */ chosen) =>
  Float32Array.from(chosen.flatMap((i) => [...rows.data.subarray(i * rows.width, (i + 1) * rows.width)]));

const { p, logits } = net(batch);
const total = nn.crossEntropy(logits, input('labels', [batch], 'int32'));
await train(
  {
    ...{ params, parameters: p, losses: { total }, groups: [{ name: 'total', loss: total }], frozen: {}, imagesPerBatch: batch },
    async feeds(step) {
      const random = new Random('batch', step);
      const chosen = Array.from({ length: batch }, () => held + random.int(count - held));
      return {
        x: { shape: [batch, rows.width], data: rowsOf(chosen) },
        labels: { shape: [batch], data: Int32Array.from(chosen, (i) => labels[i] ?? 0) },
      };
    },
  },
  {
    steps,
    optimizer: adamw(params),
    learningRate: warmupCosine({ peak: 1e-2, steps, warmupSteps: 10 }),
    onStep({ step, losses }) {
      if (step % 50 === 0) console.log(`step ${step}: cross-entropy ${losses.total?.toFixed(3)}`);
    },
  },
);

const test = Array.from({ length: held }, (_, i) => i);
const program = await compile({ outputs: { logits: net(held).logits } }, { fixed: nn.paramFeeds(params) });
const answers = (await program.run({ x: { shape: [held, rows.width], data: rowsOf(test) } })).logits?.data ?? [];
const best = test.map((i) => artists.map((_, a) => Number(answers[i * artists.length + a])));
const right = best.filter((row, i) => row.indexOf(Math.max(...row)) === labels[i]).length;
console.log(`${artists.length} artists, ${((100 * right) / held).toFixed(0)} % of ${held} held-out drawings right`);
await program.dispose();
