import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserName, hasBrowser, launchBrowser, serveFolder } from '../browser.fixture.js';
import { type Dtype, loadOnnxPair, preprocessImage, tokenizeAll } from '../clip/index.js';
import { quantizeModel } from '../compress/index.js';
import { checkpoint, promptsFor } from '../compress/student.fixture.js';
import { dataset } from '../distill/colours.fixture.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const texts = ['a drawing of a red cat', 'two small houses under a tree'];

function web(model: string, out: string, ...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'web', model, '--out', out, ...args], {
    encoding: 'utf8',
  });
  return { code: status, out: stdout, err: stderr };
}

let folder: string;
const small = () => join(folder, 'small');
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-web-quantized-'));
  await quantizeModel({ student: { checkpoint, prompts: promptsFor(2) }, dataset, images: 12, out: small() });
});
afterAll(() => rm(folder, { recursive: true }));

describe('promptkd web of a quantised model', () => {
  it('takes by itself the smallest file that keeps the embeddings of the checkpoint', () => {
    const { code, out, err } = web(small(), join(folder, 'auto'), '--json');
    expect([code, err]).toEqual([0, '']);
    const { vision } = JSON.parse(out) as { vision: { dtype: Dtype; cosine: number; bytes: number } };
    // The 4-bit file with the checkpoint's own codes, in the fewest bytes.
    expect(vision.dtype).toBe('bnb4');
    expect(vision.cosine).toBeGreaterThan(0.9999);
  });

  it('names a variant that is not there', () => {
    expect(web(small(), join(folder, 'x'), '--dtype', 'fp16')).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/^promptkd: .*_fp16\.onnx: no such file: choose one of q8, q4, bnb4\n$/),
    });
  });
});

describe.skipIf(!hasBrowser)(`a quantised model in ${browserName}`, () => {
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

  // Four-bit weights that are read as they are agree to rounding; q8 and q4 round activations too, in another order here.
  it.each<[Dtype, number]>([
    ['bnb4', 1e-4],
    ['q4', 0.02],
    ['q8', 0.02],
  ])('runs as %s on WASM, to what Node makes of the same file', async (dtype, tolerance) => {
    const page = join(folder, dtype);
    const { code, err } = web(small(), page, '--dtype', dtype);
    expect([code, err]).toEqual([0, '']);
    const about = JSON.parse(await readFile(join(page, 'model', 'model.json'), 'utf8'));
    expect(about).toMatchObject({ vision: { dtype }, text: { dtype } });
    const server = await serveFolder(page);
    const context = await browser.newContext();
    try {
      const tab = await context.newPage();
      tab.setDefaultTimeout(150_000);
      const complaints: string[] = [];
      tab.on('pageerror', (error) => complaints.push(error.message));
      tab.on('console', (message) => complaints.push(message.text()));
      await tab.goto(server.url);
      // The page itself has loaded the model and run it once.
      await tab.locator('body[data-stage="empty"]').waitFor();
      const script = `(async (given) => {
        const { openEngine } = await import('./engine.js');
        const engine = await openEngine({ device: 'wasm' });
        const bytes = Uint8Array.from(atob(given.png), (c) => c.charCodeAt(0));
        const { embedding } = await engine.embedImage(new Blob([bytes]));
        const embeds = await engine.embedTexts(given.texts);
        engine.close();
        return { image: [...embedding], text: [...embeds] };
      })(${JSON.stringify({ png: png.toString('base64'), texts })})`;
      const { image, text } = (await tab.evaluate(script)) as Record<'image' | 'text', number[]>;
      const pair = await loadOnnxPair(small(), { dtype });
      const { size } = pair.preprocess;
      const data = await preprocessImage(png, pair.preprocess);
      const { data: expected } = await pair.images({ shape: [1, 3, size, size], data });
      const tokens = tokenizeAll(pair.tokenizer, texts, pair.config.text_config.max_position_embeddings);
      const { data: expectedTexts } = await pair.texts(tokens);
      await pair.dispose();
      expect(apart(image, expected)).toBeLessThan(tolerance);
      expect(apart(text, expectedTexts)).toBeLessThan(tolerance);
      expect(complaints).toEqual([]);
    } finally {
      await context.close();
      await server.close();
    }
  });
});

/** Largest difference as a share of the largest value. */
function apart(a: ArrayLike<number>, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  const largest = b.reduce((far, x) => Math.max(far, Math.abs(x)), 0);
  return b.reduce((far, x, i) => Math.max(far, Math.abs(x - a[i]!)), 0) / largest;
}
