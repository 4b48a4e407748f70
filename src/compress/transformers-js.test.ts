import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import {
  AutoProcessor,
  AutoTokenizer,
  CLIPModel,
  CLIPTextModelWithProjection,
  CLIPVisionModelWithProjection,
  env,
  pipeline,
  RawImage,
} from '@huggingface/transformers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { normalizePixels } from '../clip/preprocess/pixels.js';
import { preprocessConfigJson } from '../clip/preprocess/processor-config.js';
import { tokenizeAll } from '../clip/tokenizer/tokenize-all.js';
import { preprocessImage } from '../loader/pixels.js';
import { textLimit } from '../model/limits.js';
import type { HostTensor } from '../tensor/index.js';
import { configs } from '../test/preprocess.fixture.js';
import { exportModel } from './index.js';
import { checkpoint, promptsFor } from './student.fixture.js';
import { difference, engineEmbeds, samplesFor } from './verify.js';

const student = { ...checkpoint, prompts: promptsFor(2) };
const texts = ['a red cat', 'two houses'];
const long = 'two small houses under a tree';
const { size } = checkpoint.preprocess;
// Of the model's own size: Transformers.js resizes by sharp, not as Pillow does, so that larger ones come out otherwise.
const rgb = Uint8Array.from({ length: 3 * size * size }, (_, i) => (i * i * 7) % 256);
const image = new RawImage(new Uint8ClampedArray(rgb), size, size, 3);
let folder: string;
let engine: Record<string, HostTensor>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-transformers-'));
  env.allowRemoteModels = false;
  env.localModelPath = `${dirname(folder)}/`;
  await exportModel({ model: student, out: folder });
  const pixels = new Float32Array(3 * size * size);
  normalizePixels(rgb, size, checkpoint.preprocess, pixels, 0);
  const { ids, length } = tokenizeAll(checkpoint.tokenizer, texts, 20);
  engine = await engineEmbeds(student, {
    pixels: { shape: [1, 3, size, size], data: pixels },
    ids: { shape: [2, length], data: ids },
  });
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

/** What Transformers.js makes of the texts and the image, before the model. */
async function inputs() {
  const [tokenize, process] = await Promise.all([
    AutoTokenizer.from_pretrained(basename(folder)),
    AutoProcessor.from_pretrained(basename(folder)),
  ]);
  return {
    ...tokenize(texts, { padding: true, truncation: true }),
    ...(await process(image)),
  };
}

describe('Transformers.js', () => {
  it.each([
    ['fp32', 1e-4],
    ['fp16', 1e-2],
  ] as const)('gets the engine’s embeddings in %s', async (dtype, tolerance) => {
    const feeds = await inputs();
    const load = { dtype };
    const text = await CLIPTextModelWithProjection.from_pretrained(basename(folder), load);
    const vision = await CLIPVisionModelWithProjection.from_pretrained(basename(folder), load);
    const both = await CLIPModel.from_pretrained(basename(folder), load);
    const { text_embeds } = await text(feeds);
    const { image_embeds } = await vision(feeds);
    expect(difference(text_embeds.data, engine.text!.data)).toBeLessThan(tolerance);
    expect(difference(image_embeds.data, engine.image!.data)).toBeLessThan(tolerance);
    const joint = await both(feeds);
    expect(joint.logits_per_image.dims).toEqual([1, 2]);
    expect(joint.logits_per_text.dims).toEqual([2, 1]);
    expect(difference(joint.text_embeds.data, engine.text_unit!.data)).toBeLessThan(tolerance);
    expect(difference(joint.image_embeds.data, engine.image_unit!.data)).toBeLessThan(tolerance);
    await Promise.all([text.dispose(), vision.dispose(), both.dispose()]);
  });

  it('classifies an image by its pipeline as the engine does', async () => {
    const classify = await pipeline('zero-shot-image-classification', basename(folder), { dtype: 'fp32' });
    const answers = (await classify(image, texts, { hypothesis_template: '{}' })) as {
      label: string;
      score: number;
    }[];
    await classify.dispose();
    const width = checkpoint.config.projection_dim;
    const scale = Math.exp(checkpoint.params.logit_scale!.data[0]!);
    const logits = texts.map((_, n) => {
      const row = (engine.text_unit!.data as Float32Array).subarray(n * width, (n + 1) * width);
      return scale * row.reduce((sum, x, k) => sum + x * engine.image_unit!.data[k]!, 0);
    });
    const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
    for (const [n, text] of texts.entries()) {
      expect(answers.find(({ label }) => label === text)!.score).toBeCloseTo(Math.exp(logits[n]!) / total, 4);
    }
  });

  it('cuts a long text where the engine does: to the tokens that the prompts leave room for', async () => {
    const limit = textLimit(student);
    const tokenize = await AutoTokenizer.from_pretrained(basename(folder));
    const feeds = tokenize([long], { padding: true, truncation: true });
    expect(feeds.input_ids.dims).toEqual([1, limit]);
    const text = await CLIPTextModelWithProjection.from_pretrained(basename(folder), { dtype: 'fp32' });
    const { text_embeds } = await text(feeds);
    await text.dispose();
    const cut = checkpoint.tokenizer.encode([long], limit).ids;
    const engine = await engineEmbeds(student, {
      ...samplesFor(student, [long]),
      ids: { shape: [1, limit], data: cut },
    });
    expect(difference(text_embeds.data, engine.text!.data)).toBeLessThan(1e-4);
  });
});

describe('Transformers.js by the preprocessor_config.json that is exported', () => {
  /** Red grows to the right, green downwards: whoever cuts or squeezes otherwise shows other levels. */
  function ramp(width: number, height: number) {
    const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      const [x, y] = [(pixel % width) / width, Math.floor(pixel / width) / height];
      return [255 * x, 255 * y, 120 * (x + y)][i % 3]!;
    });
    return { width, height, channels: 3 as const, data };
  }

  it.each([
    ['clip-224', 224],
    ['clip-336', 336],
    ['siglip-384', 384],
    ['openclip-squash-256', 256],
    ['openclip-shortest-225', 225],
    ['crop-200-of-256', 256],
  ])('of %s takes the same part of an image, and of one that needs no resizing the same pixels', async (name, side) => {
    const config = configs[name]!;
    const own = join(folder, name);
    await mkdir(own, { recursive: true });
    await writeFile(join(own, 'preprocessor_config.json'), JSON.stringify(preprocessConfigJson(config)));
    const process = await AutoProcessor.from_pretrained(`${basename(folder)}/${name}`);
    const apart = async (source: ReturnType<typeof ramp>) => {
      const image = new RawImage(new Uint8ClampedArray(source.data), source.width, source.height, 3);
      const { pixel_values } = await process(image);
      const ours = await preprocessImage(source, config);
      expect(pixel_values.dims).toEqual([1, 3, config.size, config.size]);
      const levels = ours.map((x, i) => {
        const std = config.std[Math.floor(i / config.size ** 2)]!;
        return (Math.abs(x - pixel_values.data[i]) * std) / config.rescale;
      });
      return levels.reduce((a, b) => a + b) / levels.length;
    };
    expect(await apart(ramp(side, side))).toBeLessThan(1e-3);
    // Its kernels are its own; squeezed where it is to be cut, a ramp is 40 levels aside.
    expect(await apart(ramp(900, 300))).toBeLessThan(0.5);
  });
});
