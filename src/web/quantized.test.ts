import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TensorProto_DataType } from 'onnx-buf';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dtype } from '../clip/checkpoint/onnx-dtypes.js';
import { loadOnnxPair } from '../clip/checkpoint/onnx-pair.js';
import { tokenizeAll } from '../clip/tokenizer/tokenize-all.js';
import { quantizeModel } from '../compress/index.js';
import { checkpoint, promptsFor } from '../compress/student.fixture.js';
import { preprocessImage } from '../loader/pixels.js';
import { input, linear, reshape, type StoredTensor, toOnnx } from '../tensor/index.js';
import { browserName, hasBrowser, launchBrowser, serveFolder } from '../test/browser.fixture.js';
import { dataset } from '../test/colours.fixture.js';
import { promptkd } from '../test/command.fixture.js';
import { long } from '../test/long.fixture.js';

const texts = ['a drawing of a red cat', 'two small houses under a tree'];

const web = (model: string, out: string, ...args: string[]) => promptkd('web', model, '--out', out, ...args);

let folder: string;
const small = () => join(folder, 'small');
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-web-quantized-'));
  await quantizeModel({ model: { ...checkpoint, prompts: promptsFor(2) }, dataset, images: 12, out: small(), tune: 0 });
});
afterAll(() => rm(folder, { recursive: true }));

describe('promptkd web of a quantised model', () => {
  it('takes by itself the smallest file that keeps the embeddings of the checkpoint', async () => {
    const { code, out, err } = await web(small(), join(folder, 'auto'), '--json');
    expect([code, err]).toEqual([0, '']);
    const { vision } = JSON.parse(out) as { vision: { dtype: Dtype; cosine: number; bytes: number } };
    // The 4-bit file with the checkpoint's own codes, in the fewest bytes.
    expect(vision.dtype).toBe('bnb4');
    expect(vision.cosine).toBeGreaterThan(0.9999);
  });

  it('names a variant that is not there', async () => {
    expect(await web(small(), join(folder, 'x'), '--dtype', 'fp16')).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/^promptkd: .*_fp16\.onnx: no such file: choose one of q8, q4, bnb4\n$/),
    });
  });
});

// Four-bit weights that are read as they are agree to rounding; q8 and q4 round activations too, in another order elsewhere.
const tolerances: [Dtype, number][] = [
  ['bnb4', 1e-4],
  ['q4', 0.02],
  ['q8', 0.02],
];

/** A page that loads nothing by itself. */
const blank = '<link rel="icon" href="data:,"><body data-stage="empty">blank';

describe.skipIf(!hasBrowser)(`a quantised model in ${browserName}`, () => {
  type Embeds = Record<'image' | 'text', number[]>;
  let browser: Browser;
  let png: Buffer;
  beforeAll(async () => {
    browser = await launchBrowser();
    const data = Uint8Array.from({ length: 40 * 40 * 3 }, (_, i) => (i * 37) % 251);
    png = await sharp(data, { raw: { width: 40, height: 40, channels: 3 } })
      .png()
      .toBuffer();
  });
  afterAll(() => browser?.close());

  /** What the body of an async function returns in a folder's page, `given` at hand, once the page is ready. */
  async function inPage<Result>(root: string, body: string, given: unknown): Promise<Result> {
    const server = await serveFolder(root);
    const context = await browser.newContext();
    try {
      const tab = await context.newPage();
      tab.setDefaultTimeout(150_000);
      const complaints: string[] = [];
      tab.on('pageerror', (error) => complaints.push(error.message));
      tab.on('console', (message) => complaints.push(message.text()));
      await tab.goto(server.url);
      await tab.locator('body[data-stage="empty"]').waitFor();
      const result = await tab.evaluate(`(async (given) => { ${body} })(${JSON.stringify(given)})`);
      expect(complaints).toEqual([]);
      return result as Result;
    } finally {
      await context.close();
      await server.close();
    }
  }

  /** What Node feeds to a variant's files, and what it makes of it. */
  async function inNode(dtype: Dtype) {
    const pair = await loadOnnxPair(small(), { dtype });
    const { size } = pair.preprocess;
    const pixels = { shape: [1, 3, size, size], data: await preprocessImage(png, pair.preprocess) };
    const tokens = tokenizeAll(pair.tokenizer, texts, pair.config.text_config.max_position_embeddings);
    const [{ data: image }, { data: text }] = [await pair.images(pixels), await pair.texts(tokens)];
    await pair.dispose();
    return { pixels, tokens, image, text };
  }

  async function expectLikeNode(made: Embeds, dtype: Dtype, tolerance: number) {
    const { image, text } = await inNode(dtype);
    expect(apart(made.image, image)).toBeLessThan(tolerance);
    expect(apart(made.text, text)).toBeLessThan(tolerance);
  }

  // The files of all three are run by Transformers.js below.
  it.each(long ? tolerances : tolerances.slice(0, 1))(
    'runs as %s on the page to what Node makes of the same file',
    async (dtype, tolerance) => {
      // On WebGPU the page's default alone: SwiftShader is slow, and WebGPU has no product of integers for q8.
      const devices = long && dtype === 'bnb4' ? ['wasm', 'webgpu'] : ['wasm'];
      const page = join(folder, dtype);
      const { code, err } = await web(small(), page, '--dtype', dtype);
      expect([code, err]).toEqual([0, '']);
      const about = JSON.parse(await readFile(join(page, 'model', 'model.json'), 'utf8'));
      expect(about).toMatchObject({ vision: { dtype }, text: { dtype } });
      // The page itself has loaded the model and run it once.
      const made = await inPage<(Embeds & { device: string; note?: string })[]>(
        page,
        `const { openEngine } = await import('./engine.js');
       const made = [];
       for (const device of given.devices) {
         const engine = await openEngine({ device });
         const bytes = Uint8Array.from(atob(given.png), (c) => c.charCodeAt(0));
         const { embedding } = await engine.embedImage(new Blob([bytes]));
         const embeds = await engine.embedTexts(given.texts);
         engine.close();
         made.push({ ...engine.backend, image: [...embedding], text: [...embeds] });
       }
       return made;`,
        { png: png.toString('base64'), texts, devices },
      );
      expect(made.map(({ device, note }) => [device, note])).toEqual(devices.map((device) => [device, undefined]));
      for (const embeds of made) await expectLikeNode(embeds, dtype, tolerance);
    },
  );

  it('loads by Transformers.js’s build for browsers in each variant', async () => {
    const root = join(folder, 'transformers');
    const packages = {
      '@huggingface/transformers': 'dist/transformers.web.js',
      'onnxruntime-common': 'dist/esm/index.js',
      '@huggingface/jinja': 'dist/index.js',
      '@huggingface/tokenizers': 'dist/tokenizers.mjs',
    };
    const imports: Record<string, string> = {
      'onnxruntime-web/webgpu': '/node_modules/onnxruntime-web/dist/ort.webgpu.min.mjs',
    };
    for (const [name, file] of Object.entries(packages)) imports[name] = `/node_modules/${name}/${file}`;
    await mkdir(root);
    await symlink(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(root, 'node_modules'));
    await symlink(small(), join(root, 'small'));
    await writeFile(
      join(root, 'index.html'),
      `${blank}<script type="importmap">${JSON.stringify({ imports })}</script>`,
    );
    const { pixels, tokens } = await inNode('q8');
    const made = await inPage<Embeds[]>(
      root,
      `const hub = await import('@huggingface/transformers');
       const { env, Tensor } = hub;
       Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: '/', useBrowserCache: false, useWasmCache: false });
       env.backends.onnx.wasm.wasmPaths = location.href + 'node_modules/onnxruntime-web/dist/';
       const pixel_values = new Tensor('float32', Float32Array.from(given.pixels.data), given.pixels.shape);
       const input_ids = new Tensor('int64', BigInt64Array.from(given.ids.data, BigInt), given.ids.shape);
       const made = [];
       for (const dtype of given.dtypes) {
         const vision = await hub.CLIPVisionModelWithProjection.from_pretrained('small', { dtype, device: 'wasm' });
         const text = await hub.CLIPTextModelWithProjection.from_pretrained('small', { dtype, device: 'wasm' });
         const [{ image_embeds }, { text_embeds }] = [await vision({ pixel_values }), await text({ input_ids })];
         made.push({ image: [...image_embeds.data], text: [...text_embeds.data] });
       }
       return made;`,
      {
        dtypes: tolerances.map(([dtype]) => dtype),
        pixels: { ...pixels, data: [...pixels.data] },
        ids: { shape: [texts.length, tokens.length], data: [...tokens.ids] },
      },
    );
    for (const [n, [dtype, tolerance]] of tolerances.entries()) await expectLikeNode(made[n]!, dtype, tolerance);
  });

  it('says why a page does not run on WebGPU, also where ONNX Runtime gives a number alone', async () => {
    const page = join(folder, 'lacking');
    expect((await web(small(), page, '--dtype', 'q8')).code).toBe(0);
    await writeFile(join(page, 'index.html'), blank);
    const pixels = input('pixel_values', ['batch', 3, 16, 16]);
    const weights: StoredTensor = {
      shape: [12, 768],
      decode(e, name) {
        e.raw(TensorProto_DataType.FLOAT8E4M3FN, [12, 768], new Uint8Array(12 * 768), `${name}.codes`);
        e.node('Cast', [`${name}.codes`], [name], { to: TensorProto_DataType.FLOAT });
      },
    };
    const image_embeds = linear(reshape(pixels, ['batch', 768]), input('w', [12, 768]));
    const { bytes } = toOnnx({ outputs: { image_embeds }, initializers: { w: weights } });
    await writeFile(join(page, 'model', 'vision.onnx'), bytes);
    const backend = await inPage<{ device: string; note: string }>(
      page,
      `const { openEngine } = await import('./engine.js');
       const engine = await openEngine({ device: 'webgpu' });
       engine.close();
       return engine.backend;`,
      {},
    );
    expect(backend).toMatchObject({
      device: 'wasm',
      note: 'WebGPU cannot be used here: this build of ONNX Runtime lacks an operator of the model (error 9).',
    });
  });
});

/** Largest difference as a share of the largest value. */
function apart(a: ArrayLike<number>, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  const largest = b.reduce((far, x) => Math.max(far, Math.abs(x)), 0);
  return b.reduce((far, x, i) => Math.max(far, Math.abs(x - a[i]!)), 0) / largest;
}
