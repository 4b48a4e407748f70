import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Checkpoint, loadCheckpoint, loadWeights } from '../clip/checkpoint/checkpoint.js';
import { readSafetensors } from '../files/index.js';
import { Random } from '../math/random.js';
import { foldVisionPrompts, promptTokens } from '../model/fold.js';
import type { TowerModel } from '../model/model.js';
import { loadPrompts } from '../prompt/index.js';
import { OnnxFile } from '../runtime/onnx-file.js';
import type { HostTensor } from '../tensor/index.js';
import { exportModel } from './index.js';
import { writeOnnx } from './onnx-files.js';
import { checkpoint, promptsFor } from './student.fixture.js';
import { difference, engineEmbeds, samplesFor } from './verify.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-export-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Random images and texts with their start and end tokens, `length` tokens each. */
function samples(model: Checkpoint, batch: number, length: number) {
  const random = new Random('samples', batch, length);
  const { image_size: size } = model.config.vision_config;
  const { vocab_size: words, bos_token_id: start, eos_token_id: end } = model.config.text_config;
  const ids = Int32Array.from({ length: batch * length }, (_, i) => {
    const [row, at] = [Math.floor(i / length), i % length];
    const last = length - 1 - (row % 2); // every other text is padded
    return at === 0 ? start : at === last ? end : at > last ? 0 : random.int(words - 2);
  });
  return {
    pixels: {
      shape: [batch, 3, size, size],
      data: Float32Array.from({ length: batch * 3 * size * size }, () => random.normal()),
    },
    ids: { shape: [batch, length], data: ids },
  };
}

async function run(file: string, feeds: Record<string, HostTensor>) {
  const model = await OnnxFile.open(file, { threads: 1 });
  const out = await model.run(feeds);
  await model.dispose();
  return out;
}

const golden = fileURLToPath(new URL('../../fixtures/golden/clip', import.meta.url));
const models: [string, () => Promise<TowerModel>][] = [
  // The golden folder has no tokenizer; the towers need none.
  ['the golden CLIP', async () => ({ ...(await loadWeights(golden)), tokenizer: checkpoint.tokenizer })],
  ['a prompted student', async () => ({ ...checkpoint, prompts: promptsFor(3) })],
  ['a student whose prompts borrow its embedding', async () => ({ ...checkpoint, prompts: promptsFor(1, 1, true) })],
];

describe.each(models)('encoders of %s', (name, load) => {
  it.each([
    [1, 4],
    [3, 11],
    [7, 4],
    [7, 11],
  ])('give the engine’s embeddings at batch %i and %i tokens', async (batch, length) => {
    const student = await load();
    const dir = join(folder, name);
    const vision = student.prompts && promptTokens(student.prompts.vision);
    const inputs = samples(student, batch, length);
    const engine = await engineEmbeds(student, inputs);
    const image = join(dir, await writeOnnx(dir, 'vision_model', undefined, student, vision));
    const text = join(dir, await writeOnnx(dir, 'text_model', undefined, student, vision));
    const { image_embeds } = await run(image, { pixel_values: inputs.pixels });
    const { text_embeds } = await run(text, { input_ids: inputs.ids });
    expect(image_embeds!.shape).toEqual([batch, student.config.projection_dim]);
    expect(difference(image_embeds!.data, engine.image!.data)).toBeLessThan(1e-5);
    expect(difference(text_embeds!.data, engine.text!.data)).toBeLessThan(1e-5);
  });
});

describe('the text encoder', () => {
  it('finds the end token as old configurations ask for it: the largest id', async () => {
    const config = { ...checkpoint.config, text_config: { ...checkpoint.config.text_config, eos_token_id: 2 } };
    const student = { ...checkpoint, config };
    const inputs = samples(student, 2, 6);
    inputs.ids.data.set([513, 5, 514, 2, 2, 2, 513, 7, 2, 12, 514, 3]);
    const engine = await engineEmbeds(student, inputs);
    const dir = join(folder, 'old');
    const file = join(dir, await writeOnnx(dir, 'text_model', undefined, student));
    const { text_embeds } = await run(file, { input_ids: inputs.ids });
    expect(difference(text_embeds!.data, engine.text!.data)).toBeLessThan(1e-5);
  });

  it('puts an end token at the end of a text that was cut without one', async () => {
    const { startId, endId } = checkpoint.tokenizer;
    const dir = join(folder, 'cut');
    const file = join(dir, await writeOnnx(dir, 'text_model', undefined, checkpoint));
    const of = async (...ids: number[]) => {
      const { text_embeds } = await run(file, { input_ids: { shape: [1, ids.length], data: Int32Array.from(ids) } });
      return text_embeds!.data;
    };
    expect(difference(await of(startId!, 5, 6, 7), await of(startId!, 5, 6, endId))).toBeLessThan(1e-5);
    // Of two end tokens the first is read.
    expect(difference(await of(startId!, 5, endId, endId), await of(startId!, 5, endId))).toBeLessThan(1e-5);
    expect(difference(await of(startId!, 5, 6, endId), await of(startId!, 5, endId))).toBeGreaterThan(1e-3);
  });

  it('refuses more tokens than there are positions', async () => {
    const dir = join(folder, 'long');
    const file = join(dir, await writeOnnx(dir, 'text_model', undefined, checkpoint));
    const ids = { shape: [1, 25], data: new Int32Array(25) };
    await expect(run(file, { input_ids: ids })).rejects.toThrow(/out of/);
  });
});

describe('folding', () => {
  it.each([0, 1, 2, 3])('changes nothing with %i of 3 layers prompted', async (layers) => {
    const prompts = promptsFor(layers);
    const student = { ...checkpoint, prompts };
    const inputs = samples(checkpoint, 3, 4);
    const folded = await foldVisionPrompts(checkpoint.params, checkpoint.config, prompts.vision);
    // The last prompted layer's tokens flow on unless it is the tower's last.
    expect(folded.tokens.map((token) => token !== undefined)).toEqual(
      Array.from({ length: layers }, (_, l) => layers < 3 && l === layers - 1),
    );
    const embeds = [];
    for (const [name, vision] of [
      ['tokens', promptTokens(prompts.vision)],
      ['folded', folded],
    ] as const) {
      const dir = join(folder, `${name}-${layers}`);
      const file = join(dir, await writeOnnx(dir, 'vision_model', undefined, student, vision));
      embeds.push((await run(file, { pixel_values: inputs.pixels })).image_embeds!.data);
    }
    expect(difference(embeds[1]!, embeds[0]!)).toBeLessThan(1e-5);
    const without = await engineEmbeds(checkpoint, inputs);
    if (layers > 0) expect(difference(embeds[1]!, without.image!.data)).toBeGreaterThan(1e-2);
  });
});

describe('exportModel', () => {
  const classes = ['red cat', 'small house', 'tree'];

  it('writes a folder that loads again, with a card and a classifier', async () => {
    const out = join(folder, 'whole');
    const prompts = promptsFor(2);
    const result = await exportModel({
      model: { ...checkpoint, prompts },
      out,
      classes,
      templates: ['a drawing of a {}', '{}'],
      card: { name: 'Small CLIP', licence: 'cc-by-4.0', recipe: 'seed: 1', data: 'Drawings of cats.' },
    });
    expect(result.maxDifference).toBeLessThan(1e-5);
    expect(result.files).toContain('onnx/model_fp16.onnx');
    expect(result.differences['onnx/model_fp16.onnx']).toBeLessThan(1e-2);
    const [again, more] = [await loadCheckpoint(out), await loadPrompts(out)];
    expect(again.params['visual_projection.weight']).toEqual(checkpoint.params['visual_projection.weight']);
    expect(more).toEqual(prompts);
    // Inserted prompts take positions, and their encoder reads 20 tokens.
    expect(JSON.parse(await readFile(join(out, 'tokenizer_config.json'), 'utf8')).model_max_length).toBe(20);

    const { tensors, metadata } = readSafetensors(join(out, 'classifier.safetensors'));
    expect(JSON.parse(metadata.classes!)).toEqual(classes);
    const inputs = samplesFor(
      { ...checkpoint, prompts },
      classes.flatMap((c) => [`a drawing of a ${c}`, c]),
    );
    const { text_unit } = await engineEmbeds({ ...checkpoint, prompts }, inputs);
    const width = checkpoint.config.projection_dim;
    const expected = classes.flatMap((_, c) => {
      const rows = [2 * c, 2 * c + 1].map((n) => text_unit!.data.slice(n * width, (n + 1) * width));
      const mean = Array.from(rows[0]!, (x, k) => x + rows[1]![k]!);
      return mean.map((x) => x / Math.hypot(...mean));
    });
    expect(difference(tensors.text_features!.data, expected)).toBeLessThan(1e-5);

    const card = await readFile(join(out, 'README.md'), 'utf8');
    for (const part of [
      'license: cc-by-4.0',
      '# Small CLIP',
      'seed: 1',
      'Drawings of cats.',
      'is **not** the student',
      'transparent pixels on white',
    ])
      expect(card).toContain(part);
  });

  it('leaves nothing of an earlier export that contradicts the new one', async () => {
    const out = join(folder, 'twice');
    await exportModel({ model: { ...checkpoint, prompts: promptsFor(3) }, out, classes });
    await exportModel({ model: checkpoint, out });
    expect(await loadPrompts(out)).toBeUndefined();
    expect(await readFile(join(out, 'README.md'), 'utf8')).not.toMatch(/Prompts|Classifier/);
    await expect(readFile(join(out, 'classifier.safetensors'))).rejects.toThrow(/ENOENT/);
  });

  const narrow = promptsFor(1);
  it.each([
    ['no class', { classes: [] }, /classes: expected at least one/],
    ['a class twice', { classes: ['cat', 'cat'] }, /classes: expected each name once, got cat twice/],
    ['a class without a name', { classes: ['cat', ' '] }, /classes: expected names, got an empty one/],
    [
      'a template without a place',
      { classes: ['cat'], templates: ['a cat'] },
      /templates: expected \{\} or \[OBJ\] where the class name stands, got "a cat"/,
    ],
    [
      'prompts of another width',
      { model: { ...checkpoint, prompts: { ...narrow, config: { ...narrow.config, vision_width: 99 } } } },
      /prompts: vision_width: expected 24 for this student, got 99/,
    ],
    [
      'prompts of a deeper tower',
      { model: { ...checkpoint, prompts: { ...narrow, config: { ...narrow.config, text_layers: 9 } } } },
      /text_layers: expected at most 2/,
    ],
    [
      'a missing prompt',
      { model: { ...checkpoint, prompts: { ...narrow, vision: {} } } },
      /prompts: vision\.0: expected \[3, 24\], got nothing/,
    ],
  ])('refuses %s', async (_, bad, message) => {
    const out = join(folder, 'bad');
    await expect(exportModel({ model: checkpoint, out, ...bad })).rejects.toThrow(message);
    await expect(readFile(join(out, 'config.json'))).rejects.toThrow(/ENOENT/);
  });

  it('refuses a weight that binary16 cannot hold', async () => {
    const params = { ...checkpoint.params };
    const { shape, data } = params['visual_projection.weight']!;
    params['visual_projection.weight'] = { shape, data: (data as Float32Array).map((x, i) => (i === 0 ? 1e6 : x)) };
    await expect(exportModel({ model: { ...checkpoint, params }, out: join(folder, 'huge') })).rejects.toThrow(
      /visual_projection\.weight: expected values within ±65,504/,
    );
  });
});
