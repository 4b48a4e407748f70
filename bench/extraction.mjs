// Extraction of a teacher's targets from a folder of JPEGs to shards on disk (`ensureTargets`: loading, decoding, augmenting,
// the teacher, writing), against the teacher's program alone on an array that is there already, in turn. Random weights.
//
//   npm run build && node bench/extraction.mjs [--rounds 3] [--images 108] [--layers none,6+12] [--model vit-b-16] [--json]
//
// `--layers`: whose features and attention maps are stored beside the embeddings; `none` as for the CVPR 2024 recipe.
// `share`: of the program's images a second that extraction reaches after its first batch; `start_s` is what it takes before.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { augmentOptions } from '../dist/augment/index.js';
import { clipPreprocess } from '../dist/clip/index.js';
import { examplesOf, openDataset } from '../dist/data/index.js';
import { teacherOf } from '../dist/distill/index.js';
import { imagesAtATime } from '../dist/distill/teacher/teacher.js';
import { median } from '../dist/math/quantile.js';
import { modelNames, randomClip } from './models.mjs';
import { readOptions, someOf, usage } from './options.mjs';
import { alternate } from './peers.mjs';
import { makePhotos } from './photos.mjs';
import { timedTargets } from './timed-targets.mjs';

const values = readOptions({ rounds: '3', images: '108', layers: 'none,6+12', model: 'vit-b-16' });
someOf('model', values.model, modelNames);
const { config, params } = randomClip(values.model);
const { image_size: size, num_hidden_layers: depth } = config.vision_config;
const teacher = teacherOf({ config, params, preprocess: clipPreprocess(size) });
const batch = imagesAtATime(config);
const batches = Math.ceil(Number(values.images) / batch);
if (batches < 2) usage(`--images ${values.images}: expected more than ${batch}, a batch of ${values.model}`);
const kinds = values.layers.split(',').map((kind) => (kind === 'none' ? [] : kind.split('+').map(Number)));
if (!kinds.flat().every((layer) => layer >= 1 && layer <= depth)) usage(`--layers: expected layers from 1 to ${depth}`);

const folder = mkdtempSync(join(tmpdir(), 'promptkd-extraction-'));
try {
  const photos = join(folder, 'photos');
  await makePhotos(photos, batches * batch);
  const dataset = await openDataset(`folder:${photos}?into=train`);
  const examples = examplesOf(dataset, 'train');
  const pixels = { shape: [batch, 3, size, size], data: new Float32Array(batch * 3 * size ** 2).fill(0.5) };
  for (const layers of kinds) {
    const wanted = { hidden: layers, attention: layers };
    const pass = await teacher.images(batch, wanted);
    const starts = [];
    const dir = join(folder, 'targets');
    const augment = augmentOptions.parse({});
    const sides = {
      async extraction() {
        const { store, imageMs, startMs } = await timedTargets({
          ...{ teacher, dataset, examples, views: 1, augment, seed: 1, ...wanted, dir },
        });
        store.close();
        rmSync(dir, { recursive: true });
        starts.push(startMs / 1e3);
        return imageMs;
      },
      async program() {
        const begin = performance.now();
        for (let i = 1; i < batches; i++) await pass.run(pixels);
        return (performance.now() - begin) / ((batches - 1) * batch);
      },
    };
    await pass.run(pixels);
    const ms = await alternate(sides, Number(values.rounds), { warmUp: 0 });
    await pass.dispose();
    const row = {
      ...{ layers: layers.join('+') || 'none', images: examples.length, batch },
      ...{ program_images_s: 1e3 / ms.program, extraction_images_s: 1e3 / ms.extraction },
      ...{ share: ms.program / ms.extraction, start_s: median(starts) },
    };
    console.log(values.json ? JSON.stringify(row) : row);
  }
} finally {
  rmSync(folder, { recursive: true });
}
