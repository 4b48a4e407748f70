// A loss of one's own: a small vision tower learns a teacher's embeddings by the Huber distance.
// node examples/own-loss.mjs [steps]
import { loadModel, openDataset } from 'promptkd';
import { examplesOf, preprocessImage } from 'promptkd/data';
import { embedImages } from 'promptkd/evaluate';
import { initClip, visionTower } from 'promptkd/model';
import { abs, input, l2Normalize, mean, minimum, mul, nn, sub } from 'promptkd/tensor';
import { adamw, Random, train, warmupCosine } from 'promptkd/train';

const [steps = 300, count = 256, batch = 32] = process.argv.slice(2).map(Number);

// What the teacher says of the images: unit rows [count, P].
const dataset = await openDataset('emoji');
const images = new Random('images').shuffle(examplesOf(dataset, 'train')).slice(0, count);
const { rows } = await embedImages(await loadModel('promptkd:emoji-teacher'), dataset, images);

// The student: a tower of the shape of emoji-student's, at random, for pixels [B, 3, S, S].
const { config, preprocess } = await loadModel('promptkd:emoji-student');
const { size } = preprocess;
const params = Object.fromEntries(Object.entries(initClip(config, 1)).filter(([name]) => /^visual|^vision/.test(name)));
const pixels = await Promise.all(images.map(async (one) => preprocessImage(await dataset.load(one), preprocess)));

// The graph of a step. huber(d) = m · (d − m / 2) with m = min(d, δ).
const parameters = nn.paramInputs(params);
const { embed } = visionTower(parameters, config, input('pixels', [batch, 3, size, size])); // [B, P]
const distance = abs(sub(l2Normalize(embed), input('wanted', [batch, rows.width]))); // [B, P]
const least = minimum(distance, 0.05);
const total = mean(mul(least, sub(distance, mul(least, 0.5))));

await train(
  {
    params,
    parameters,
    losses: { total },
    groups: [{ name: 'total', loss: total }],
    frozen: {},
    imagesPerBatch: batch,
    // What a step is fed depends on its number alone, so that a run that stops goes on to the same bits.
    async feeds(step) {
      const random = new Random('batch', step);
      const chosen = Array.from({ length: batch }, () => random.int(count));
      const joined = (/** @type {Float32Array[]} */ parts) => Float32Array.from(parts.flatMap((part) => [...part]));
      return {
        pixels: { shape: [batch, 3, size, size], data: joined(chosen.map((i) => pixels[i] ?? new Float32Array())) },
        wanted: {
          shape: [batch, rows.width],
          data: joined(chosen.map((i) => rows.data.subarray(i * rows.width, (i + 1) * rows.width))),
        },
      };
    },
  },
  {
    steps,
    optimizer: adamw(params),
    learningRate: warmupCosine({ peak: 1e-3, steps, warmupSteps: Math.ceil(steps / 10) }),
    clipNorm: 1,
    onStep({ step, losses }) {
      if (step === 1 || step === steps || step % 50 === 0) console.log(`step ${step}: ${losses.total?.toExponential(3)}`);
    },
  },
);
