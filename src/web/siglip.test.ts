import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadOnnxPair, tokenizeAll } from '../clip/index.js';
import { siglip } from '../clip/siglip.fixture.js';
import { exportModel } from '../compress/index.js';
import { preprocessImage } from '../loader/pixels.js';
import { browserName, hasBrowser, launchBrowser, serveFolder } from '../test/browser.fixture.js';
import { promptkd } from '../test/command.fixture.js';

let folder = '';
const [model, page] = [() => join(folder, 'exported'), () => join(folder, 'page')];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-web-siglip-'));
  await exportModel({ model: siglip, out: model(), classes: ['red', 'gold'], templates: ['a {} thing'] });
});
afterAll(() => rm(folder, { recursive: true }));

async function web(...more: string[]): Promise<string> {
  const { code, out, err } = await promptkd('web', model(), '--out', page(), ...more);
  expect([code, err]).toEqual([0, '']);
  return out;
}

describe('a page of a SigLIP', () => {
  it('takes the embeddings under the names that its files have', async () => {
    const { vision, text, fixedClasses } = JSON.parse(await web('--json')) as {
      readonly [encoder in 'vision' | 'text']: { cosine: number };
    } & { fixedClasses: number };
    for (const { cosine } of [vision, text]) expect(cosine).toBeGreaterThan(0.99);
    expect(fixedClasses).toBe(2);
  });

  it.skipIf(!hasBrowser)(`gives Node’s embeddings in ${browserName}`, async () => {
    await web('--dtype', 'fp32');
    const data = Uint8Array.from({ length: 30 * 30 * 3 }, (_, i) => (i * 37) % 251);
    const png = await sharp(data, { raw: { width: 30, height: 30, channels: 3 } })
      .png()
      .toBuffer();
    const texts = ['a red thing', 'gold stripes'];
    const [server, browser] = [await serveFolder(page()), await launchBrowser()];
    try {
      const tab = await browser.newPage();
      const complaints: string[] = [];
      tab.on('pageerror', (error) => complaints.push(error.message));
      tab.on('console', (message) => complaints.push(message.text()));
      tab.setDefaultTimeout(150_000);
      await tab.goto(server.url);
      await tab.locator('body[data-stage="empty"]').waitFor();
      const made = await tab.evaluate<Record<'image' | 'text', number[]>>(
        `(async ({ png, texts }) => {
           const { openEngine } = await import('./engine.js');
           const engine = await openEngine({ device: 'wasm' });
           const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
           const { embedding } = await engine.embedImage(new Blob([bytes]));
           const embeds = await engine.embedTexts(texts);
           engine.close();
           return { image: [...embedding], text: [...embeds] };
         })(${JSON.stringify({ png: png.toString('base64'), texts })})`,
      );
      await tab.locator('#file').setInputFiles({ name: 'noise.png', mimeType: 'image/png', buffer: png });
      // What a sigmoid says is no share of all classes.
      await tab.locator('#confidence', { hasText: /^\d+\.\d %, each class by itself$/ }).waitFor();
      const pair = await loadOnnxPair(model());
      const { size } = pair.preprocess;
      const pixels = { shape: [1, 3, size, size], data: await preprocessImage(png, pair.preprocess) };
      const tokens = tokenizeAll(pair.tokenizer, texts, pair.config.text_config.max_position_embeddings);
      const [image, text] = [(await pair.images(pixels)).data, (await pair.texts(tokens)).data];
      await pair.dispose();
      expect(made.image).toEqual(Array.from(image, (x) => expect.closeTo(x, 3)));
      expect(made.text).toEqual(Array.from(text, (x) => expect.closeTo(x, 3)));
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
      await server.close();
    }
  });
});
