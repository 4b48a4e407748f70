import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Checkpoint, saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { parseClipConfig } from '../clip/config.js';
import { initClip } from '../clip/towers/initialise.js';
import { loadCalibration } from '../compress/quantize/calibration.js';
import { type ImageTextDataset, openDataset } from '../data/index.js';
import { classAttention } from '../demo/attention.js';
import { embedImages } from '../evaluate/embed.js';
import { Probe } from '../evaluate/probe.js';
import { wholeImage } from '../loader/index.js';
import { OnnxFile } from '../runtime/onnx-file.js';
import { Program } from '../runtime/program.js';
import { measureStages } from '../serve/cascade/measure.js';
import { LocalEncoder } from '../serve/encoder/index.js';
import type { HostTensor } from '../tensor/index.js';
import { tunePrompts } from '../tune-prompts/tune-prompts.js';
import { tunePromptsRecipe } from '../tune-prompts/tune-prompts-recipe.js';
import { compileOptions, teacher } from './colours.fixture.js';
import { configs, digest, folder, golden } from './preprocess.fixture.js';

const images = ['wide.png', 'photo.jpg', 'large.jpg'];
const root = mkdtempSync(join(tmpdir(), 'promptkd-entries-'));
let dataset: ImageTextDataset;

beforeAll(async () => {
  for (const image of images) {
    const own = join(root, 'images', parse(image).name);
    mkdirSync(own, { recursive: true });
    copyFileSync(join(folder, image), join(own, image));
  }
  dataset = await openDataset(`folder:${root}/images?into=train`);
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true });
});

/** A small model of that preprocessing: what it answers does not matter here. */
function modelOf(name: string): Checkpoint {
  const preprocess = configs[name]!;
  const { text_config, vision_config } = teacher.config;
  const towers = { ...vision_config, image_size: preprocess.size, patch_size: preprocess.size / 4 };
  const config = parseClipConfig({ projection_dim: 12, text_config, vision_config: towers });
  return { config, params: initClip(config, 1), preprocess, tokenizer: teacher.tokenizer };
}

/** Every pixel that a model is fed while `work` is done, an image each. */
async function fed(work: () => Promise<unknown>): Promise<Float32Array[]> {
  const seen: Float32Array[] = [];
  const look = (pixels: unknown) => {
    if (!pixels) return;
    const { shape, data } = pixels as HostTensor<Float32Array>;
    const each = data.length / shape[0]!;
    for (let row = 0; row < shape[0]!; row++) seen.push(data.slice(row * each, (row + 1) * each));
  };
  const [program, file] = [Program.prototype.run, OnnxFile.prototype.run];
  const spies = [
    vi.spyOn(Program.prototype, 'run').mockImplementation(function (this: Program, feeds) {
      look(feeds.pixels);
      return program.call(this, feeds);
    }),
    vi.spyOn(OnnxFile.prototype, 'run').mockImplementation(function (this: OnnxFile, feeds) {
      look(feeds.pixel_values);
      return file.call(this, feeds);
    }),
  ];
  try {
    await work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return seen;
}

const train = () => dataset.splits.train!;

/** The ways by which images reach a model, whatever else they do. */
const entries: Record<string, (model: Checkpoint, out: string) => Promise<readonly Float32Array[]>> = {
  'evaluate embeds': (checkpoint) => fed(() => embedImages(checkpoint, dataset, train(), compileOptions)),
  'serve encodes': async (model, out) => {
    await saveCheckpoint(out, model);
    const encoder = await LocalEncoder.open(out, { threads: 1 });
    const bytes = images.map((image) => readFileSync(join(folder, image)));
    try {
      return await fed(() => encoder.images(bytes));
    } finally {
      await encoder.close();
    }
  },
  'cascade tune measures': async (model, out) => {
    await saveCheckpoint(out, model);
    const encoder = await LocalEncoder.open(out, { threads: 1 });
    try {
      return await fed(() => measureStages([{ name: 'one', encoder }], dataset, { split: 'train', runs: 0 }));
    } finally {
      await encoder.close();
    }
  },
  'quantize calibrates': async (checkpoint) => {
    const { pixels } = await loadCalibration(checkpoint, dataset, { images: 3 });
    const each = pixels.data.length / 3;
    return [0, 1, 2].map((row) => pixels.data.subarray(row * each, (row + 1) * each));
  },
  'tune-prompts guesses': async (model, out) => {
    // Sure of nothing, so that it ends when it has looked.
    const recipe = tunePromptsRecipe.parse({ batch: 3, unlabelled: true, pseudo: { threshold: 1 } });
    const tuning = () => tunePrompts({ model, dataset, recipe, runDir: out, engine: compileOptions });
    return fed(() => expect(tuning()).rejects.toThrow(/pseudo.threshold: none of the 3 images/));
  },
  'the probe of runs looks at': async (model) =>
    fed(async () => {
      const probe = await Probe.open(dataset, model, { split: 'train', images: 3, templates: ['{}'] });
      await probe.measure(model, compileOptions);
      expect(probe.images).toBe(3);
    }),
  'the demo draws attention of': async (checkpoint) => {
    const images = await Promise.all(train().map((example) => wholeImage(dataset, example)));
    return fed(() => classAttention(checkpoint, images, compileOptions));
  },
};

/** Two that differ in everything show that an entry goes by its model's; all go by one function, which the others try as well. */
const tried = {
  'clip-224': Object.keys(entries),
  'siglip-384': Object.keys(entries),
  'clip-336': ['evaluate embeds'],
  'openclip-squash-256': ['serve encodes'],
};

describe.each(Object.entries(tried))('by the preprocessing of %s', (name, ways) => {
  it.each(ways)('%s Pillow’s pixels', async (entry) => {
    const model = modelOf(name);
    const rows = await entries[entry]!(model, join(root, `${name} ${entry}`));
    const made = new Set(rows.slice(0, 3).map((row) => digest(row, model.preprocess).sha256));
    expect(made).toEqual(new Set(images.map((image) => golden[image]![name]!.sha256)));
  });
});

describe('an image that cannot be read', () => {
  let spoiled: ImageTextDataset;
  beforeAll(async () => {
    const own = join(root, 'spoiled');
    for (const name of ['photo', 'small']) {
      mkdirSync(join(own, name), { recursive: true });
      const [file] = Object.keys(golden).filter((image) => parse(image).name === name);
      copyFileSync(join(folder, file!), join(own, name, file!));
      copyFileSync(join(folder, file!), join(own, name, `broken-${file}`));
    }
    spoiled = await openDataset(`folder:${own}?into=train`);
    // After its header was read, which is looked at when data is opened.
    for (const name of ['photo/broken-photo.jpg', 'small/broken-small.png']) writeFileSync(join(own, name), 'spoiled');
  });
  const broken = ['photo/broken-photo.jpg', 'small/broken-small.png'];

  it('is left out and named by evaluate and by the calibration of quantize', async () => {
    const checkpoint = modelOf('clip-224');
    const { rows, skipped } = await embedImages(checkpoint, spoiled, spoiled.splits.train!, compileOptions);
    expect(rows.count).toBe(2);
    expect(skipped.map(({ id }) => id).sort()).toEqual(broken);
    const calibration = await loadCalibration(checkpoint, spoiled, { images: 4 });
    expect(calibration.pixels.shape[0]).toBe(2);
    expect(calibration.labels).toHaveLength(2);
    expect(calibration.skipped.map(({ id }) => id).sort()).toEqual(broken);
  });

  it('is left out by the probe, which says where none is left', async () => {
    const model = modelOf('clip-224');
    const given = { split: 'train', images: 4, templates: ['{}'] };
    expect((await Probe.open(spoiled, model, given)).images).toBe(2);
    const train = spoiled.splits.train!.filter(({ id }) => broken.includes(id));
    const nothing = { ...spoiled, splits: { train } };
    await expect(Probe.open(nothing, model, given)).rejects.toThrow(/none of the 2 images .* can be read/);
    await expect(loadCalibration(modelOf('clip-224'), nothing)).rejects.toThrow(
      /none of the 2 drawn from train can be read; the first: .*broken/,
    );
  });
});
