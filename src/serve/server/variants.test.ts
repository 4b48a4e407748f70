import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadOnnxPair } from '../../clip/checkpoint/onnx-pair.js';
import { quantizeModel } from '../../compress/index.js';
import { preprocessImage } from '../../loader/pixels.js';
import { dataset, teacher } from '../../test/colours.fixture.js';
import type * as serve from '../index.js';

const built = new URL('../../../dist/serve/index.js', import.meta.url);
const log = pino({ level: 'silent' });
let ModelServer: typeof serve.ModelServer;
let root = '';
let server: serve.ModelServer;
let png: Buffer;
const small = () => join(root, 'small');
const side = 16;
const pixels = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 37) % 251);

beforeAll(async () => {
  if (!existsSync(built)) throw new Error('worker threads are tested as built: run "npm run build" first');
  const room = (await import(built.href)) as typeof serve;
  ModelServer = room.ModelServer;
  root = await mkdtemp(join(tmpdir(), 'promptkd-serve-variants-'));
  png = await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
  const few = { images: 12, tune: 0, dtypes: ['q4', 'bnb4'] } as const;
  await quantizeModel({ model: teacher, dataset, out: small(), ...few });
  await room.writeCascade(join(root, 'both.json'), {
    confidence: 'probability',
    stages: [
      { model: `${small()}#q4`, temperature: 1, threshold: 1 },
      { model: `${small()}#bnb4`, temperature: 1 },
    ],
  });
  const models = [small(), `${small()}#q4`, `exact=${small()}#bnb4`, join(root, 'both.json')];
  server = await ModelServer.start({ models, port: 0, threads: 1 }, log);
});
afterAll(async () => {
  await server?.stop();
  await rm(root, { recursive: true, force: true });
});

/** What a served model makes of the image, of unit length. */
async function embedding(model: string): Promise<number[]> {
  const response = await fetch(`${server.url}/v1/embed`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, images: [png.toString('base64')] }),
  });
  const { images } = (await response.json()) as { images: number[][] };
  return images[0]!;
}

const largest = (a: readonly number[], b: readonly number[]) => Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));

describe('variants of ONNX files', () => {
  it('answer as the file does by hand', async () => {
    for (const [name, dtype] of [
      ['small-q4', 'q4'],
      ['exact', 'bnb4'],
    ] as const) {
      const pair = await loadOnnxPair(small(), { dtype, threads: 1 });
      const data = await preprocessImage(png, pair.preprocess);
      const { data: embed } = await pair.images({ shape: [1, 3, side, side], data });
      await pair.dispose();
      const length = Math.hypot(...embed);
      expect(
        largest(
          await embedding(name),
          Array.from(embed, (x) => x / length),
        ),
      ).toBeLessThan(1e-5);
    }
  });

  it('are told apart: bnb4 holds the checkpoint’s own values, q4 others', async () => {
    const [checkpoint, q4, bnb4] = await Promise.all(['small', 'small-q4', 'exact'].map(embedding));
    expect(largest(bnb4!, checkpoint!)).toBeLessThan(1e-3);
    expect(largest(q4!, checkpoint!)).toBeGreaterThan(1e-3);
  });

  it('are stages of a cascade, as seen from its file', async () => {
    const { stages } = JSON.parse(await readFile(join(root, 'both.json'), 'utf8'));
    expect(stages.map(({ model }: { model: string }) => model)).toEqual(['./small#q4', './small#bnb4']);
    // Embeddings are the first stage's.
    expect(await embedding('both')).toEqual(await embedding('small-q4'));
  });

  it.each([
    ['q5', /small#q5: expected one of fp32, .*bnb4 behind the #, got "q5"/],
    ['q8', /small: expected onnx\/vision_model_quantized\.onnx and onnx\/text_model_quantized\.onnx/],
  ])('that are not there are named: %s', async (dtype, message) => {
    await expect(ModelServer.start({ models: [`${small()}#${dtype}`], port: 0 }, log)).rejects.toThrow(message);
  });
});
