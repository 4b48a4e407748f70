import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadOnnxPair } from '../clip/checkpoint/onnx-pair.js';
import { siglip } from '../clip/siglip.fixture.js';
import { tokenizeAll } from '../clip/tokenizer/tokenize-all.js';
import { exportModel } from '../compress/index.js';
import { preprocessImage } from '../loader/pixels.js';
import type * as serve from './index.js';

const built = new URL('../../dist/serve/index.js', import.meta.url);
const classes = ['red', 'gold', 'blue'];
let root = '';
let server: serve.ModelServer;
beforeAll(async () => {
  const { ModelServer } = (await import(built.href)) as typeof serve;
  root = await mkdtemp(join(tmpdir(), 'promptkd-serve-siglip-'));
  await exportModel({ model: siglip, out: join(root, 'siglip'), classes, templates: ['a {} thing'] });
  server = await ModelServer.start({ models: [join(root, 'siglip')], port: 0, threads: 1 }, pino({ level: 'silent' }));
});
afterAll(async () => {
  await server?.stop();
  await rm(root, { recursive: true, force: true });
});

const noiseImage = () => {
  const noise = Uint8Array.from({ length: 30 * 20 * 3 }, (_, i) => (i * 37) % 251);
  return sharp(noise, { raw: { width: 30, height: 20, channels: 3 } })
    .png()
    .toBuffer();
};

it('is served: classes and embeddings are those of its own encoders', async () => {
  const png = await noiseImage();
  const post = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(response.status).toBe(200);
    return (await response.json()) as {
      readonly images: number[][];
      readonly results: readonly {
        readonly logits: number[];
        readonly scoring: string;
        readonly top: readonly { readonly class: string; readonly probability: number }[];
      }[];
    };
  };
  const images = [png.toString('base64')];
  const { images: embedded } = await post('/v1/embed', { images });
  const { results } = await post('/v1/classify', { images, classes, templates: ['a {} thing'], logits: true });

  const pair = await loadOnnxPair(join(root, 'siglip'));
  const { preprocess, tokenizer, config } = pair;
  const pixels = { shape: [1, 3, preprocess.size, preprocess.size], data: await preprocessImage(png, preprocess) };
  const texts = classes.map((name) => `a ${name} thing`);
  const tokens = tokenizeAll(tokenizer, texts, config.text_config.max_position_embeddings);
  const unit = (row: readonly number[]) => row.map((x) => x / Math.hypot(...row));
  const image = unit(Array.from((await pair.images(pixels)).data));
  const { data } = await pair.texts(tokens);
  await pair.dispose();
  expect(embedded[0]).toEqual(image.map((x) => expect.closeTo(x, 4)));
  const scale = Math.exp(siglip.params.logit_scale!.data[0]!);
  const logits = classes.map((_, i) => {
    const text = unit(Array.from(data.subarray(i * image.length, (i + 1) * image.length)));
    return scale * text.reduce((sum, x, k) => sum + x * image[k]!, 0) + siglip.params.logit_bias!.data[0]!;
  });
  const [{ logits: given, scoring, top }] = results as typeof results & [(typeof results)[0]];
  expect(given).toEqual(logits.map((z) => expect.closeTo(z, 3)));
  expect(scoring).toBe('sigmoid');
  // Each class is decided by itself.
  for (const { class: name, probability } of top) {
    expect(probability).toBeCloseTo(1 / (1 + Math.exp(-logits[classes.indexOf(name)]!)), 3);
  }
});

it('is a stage of a cascade: confidence is the likeliest class by itself, and the threshold is of that', async () => {
  const { cascade, encoderStage, LocalEncoder } = (await import(built.href)) as typeof serve;
  const encoder = await LocalEncoder.open(join(root, 'siglip'));
  const asked = { classes, templates: ['a {} thing'] };
  const [student, teacher] = [await encoderStage('fast', encoder, asked), await encoderStage('slow', encoder, asked)];
  const png = await noiseImage();
  const answer = async (threshold: number) =>
    (await cascade<Uint8Array>({ student, teacher, threshold }).classify([png]))[0]!;
  const { logits, probabilities, confidence, scoring, stage } = await answer(0);
  expect([scoring, stage]).toEqual(['sigmoid', 0]);
  expect([...probabilities]).toEqual(Array.from(logits, (z) => expect.closeTo(1 / (1 + Math.exp(-z)), 6)));
  expect(confidence).toBe(Math.max(...probabilities));
  expect((await answer(confidence)).stage).toBe(0);
  expect((await answer(Math.min(1, confidence + 1e-6))).stage).toBe(1);
  await encoder.close();
});
