import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportModel } from '../../compress/index.js';
import { checkpoint } from '../../compress/student.fixture.js';
import type * as serve from '../../serve/index.js';
import { browserName, hasBrowser, launchBrowser } from '../../test/browser.fixture.js';
import type { DefectDataset } from './data/defect-data.js';
import { loadDetector, saveDetector } from './detector-folder.js';
import { fitDetector } from './fit.js';
import type * as extension from './serve.js';
import type * as worker from './serve-worker.js';

const dist = (path: string) => new URL(`../../../dist/${path}`, import.meta.url);
const side = 32;
const grey = (tone: number, spot = false) => {
  const data = new Uint8Array(side * side * 3).map((_, i) => tone + (i % 7));
  if (spot) for (let y = 8; y < 20; y++) data.fill(255, (y * side + 8) * 3, (y * side + 20) * 3);
  return { width: side, height: side, channels: 3 as const, data };
};
const png = ({ data, width, height, channels }: ReturnType<typeof grey>) =>
  sharp(data, { raw: { width, height, channels } }).png().toBuffer();

const train = Array.from({ length: 6 }, (_, i) => ({ id: String(i), product: 'plate' }));
const dataset: DefectDataset = {
  name: 'plates',
  products: [{ name: 'plate', train, test: [] }],
  fingerprint: 'plates',
  load: async ({ id }) => grey(100 + 4 * Number(id)),
  mask: async () => undefined,
  skipped: [],
};

let root = '';
let server: serve.ModelServer;
let browser: Browser;
beforeAll(async () => {
  if (!existsSync(dist('tasks/defects/serve.js')))
    throw new Error('threads are tested as built: run "npm run build" first');
  const [{ ModelServer }, { defectsExtension }] = (await Promise.all([
    import(dist('serve/index.js').href),
    import(dist('tasks/defects/serve.js').href),
  ])) as [typeof serve, typeof extension];
  root = await mkdtemp(join(tmpdir(), 'defects-serve-'));
  const { image_size: size } = checkpoint.config.vision_config;
  const { detector } = await fitDetector('few-shot', {
    ...{ model: checkpoint, dataset, product: dataset.products[0]!, shots: 3, coreset: 1, falseAlarms: 300, seed: 0 },
    view: { side: size, overlap: 0, layers: [1] },
    threads: 1,
  });
  await saveDetector(join(root, 'detector'), detector);
  await exportModel({ model: checkpoint, out: join(root, 'model') });
  server = await ModelServer.start(
    {
      models: [join(root, 'model')],
      extensions: [await defectsExtension(join(root, 'detector'))],
      port: 0,
      threads: 1,
    },
    pino({ level: 'silent' }),
  );
  if (hasBrowser) browser = await launchBrowser();
});
afterAll(async () => {
  await Promise.all([browser?.close(), server?.stop()]);
  await rm(root, { recursive: true, force: true });
});

describe('POST /v1/defects', () => {
  it('inspects images, and says of each what is wrong with it where it cannot', async () => {
    const body = new FormData();
    body.append('images', new Blob([await png(grey(110, true))]), 'bad.png');
    body.append(
      'images',
      new Blob([
        await sharp(await png(grey(110)))
          .resize(20, 20)
          .png()
          .toBuffer(),
      ]),
      'small.png',
    );
    body.append('maps', 'true');
    const response = await fetch(`${server.url}/v1/defects`, { method: 'POST', body });
    const answer = (await response.json()) as {
      product: string;
      results: [{ pred_score: number; pred_label: boolean; anomaly_map: string; pred_mask: string }, { error: string }];
    };
    expect(response.status).toBe(200);
    expect(answer.product).toBe('plate');
    expect(answer.results[0]).toMatchObject({ pred_label: true });
    const { width, height } = await sharp(Buffer.from(answer.results[0].pred_mask, 'base64')).metadata();
    expect([width, height]).toEqual([side, side]);
    expect(answer.results[1].error).toContain('images[1]: expected an image of 32 × 32 pixels');
  });

  it('refuses by its head an image that would take seconds, and ends with its client', async () => {
    const { open } = (await import(dist('tasks/defects/serve-worker.js').href)) as typeof worker;
    const { size: _, ...any } = await loadDetector(join(root, 'detector'));
    await saveDetector(join(root, 'any'), any);
    const answerer = await open({ folder: join(root, 'any'), threads: 1, maxPixels: 32e6 });
    const large = await sharp({ create: { width: 4000, height: 4000, channels: 3, background: 'grey' } })
      .png()
      .toBuffer();
    const request = { images: [large], fields: { maps: true } };
    expect(await answerer.answer(request, new AbortController().signal)).toMatchObject({
      results: [{ error: expect.stringMatching(/^images\[0\]: expected at most 4 million pixels, got 4000 × 4000/) }],
    });
    await expect(answerer.answer(request, AbortSignal.abort(new Error('left')))).rejects.toThrow('left');
    await answerer.close();
  });

  it('is described with the server’s other routes', async () => {
    const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as { paths: Record<string, unknown> };
    expect(paths).toHaveProperty('/v1/defects');
  });

  it.skipIf(!hasBrowser)(
    `has a page with a camera and a threshold that says what it costs (${browserName})`,
    async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(error.message));
      page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
      await page.goto(`${server.url}/defects`);
      await page
        .getByLabel('or a file:')
        .setInputFiles({ name: 'bad.png', mimeType: 'image/png', buffer: await png(grey(110, true)) });
      await page.getByText('Defective').waitFor();
      expect(await page.locator('#cost').textContent()).toMatch(
        /threshold 0.50: .*false alarms of 1,000 .* by 3 sound images/,
      );
      await page.getByLabel('Threshold').fill('1');
      await page.getByText('Sound, score').waitFor();
      await page.getByRole('button', { name: 'Start the camera' }).click();
      // The generated camera shows nothing like a plate: answers come in, image after image.
      await page.locator('#verdict').filter({ hasText: /score/ }).waitFor();
      await page.getByText('Stop the camera').waitFor();
      // As when it is unplugged.
      await page.evaluate(
        "document.querySelector('video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))",
      );
      await page.getByText('The camera went away').waitFor();
      expect(faults).toEqual([]);
      await context.close();
    },
  );
});
