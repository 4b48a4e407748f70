import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportModel } from '../../../compress/index.js';
import { checkpoint } from '../../../compress/student.fixture.js';
import { browserName, hasBrowser, launchBrowser } from '../../../test/browser.fixture.js';
import type * as serve from '../../index.js';

// Worker threads run what was built.
const built = new URL('../../../../dist/serve/index.js', import.meta.url);
const classes = ['red cat', 'two houses', 'tree'];

describe.skipIf(!hasBrowser)(`the server's page in ${browserName}`, () => {
  let folder = '';
  let server: serve.ModelServer;
  let browser: Browser;
  let tab: Page;
  const complaints: string[] = [];
  const out = async () => (await tab.locator('#out').textContent()) ?? '';
  const eventually = (value: () => Promise<string>) => expect.poll(value, { timeout: 30_000 });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'promptkd-serve-page-'));
    await exportModel({ model: checkpoint, out: join(folder, 'own'), classes });
    await exportModel({ model: checkpoint, out: join(folder, 'bare') });
    const { ModelServer } = (await import(built.href)) as typeof serve;
    const models = [join(folder, 'own'), join(folder, 'bare')];
    server = await ModelServer.start({ models, port: 0, threads: 1, maxBodyBytes: 2 ** 20 }, pino({ level: 'silent' }));
    browser = await launchBrowser();
    tab = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    tab.on('pageerror', (error) => complaints.push(error.message));
    tab.on('console', (message) => {
      // A refused request is logged by the browser itself.
      if (!message.text().startsWith('Failed to load resource')) complaints.push(message.text());
    });
    await tab.goto(server.url);
    await tab.locator('#model option').first().waitFor({ state: 'attached' });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const png = (background: string) =>
    sharp({ create: { width: 24, height: 24, channels: 3, background } })
      .png()
      .toBuffer();
  /** Drops a file on the page's heading, far from the field. */
  const drop = (bytes: Uint8Array, name: string) =>
    tab.evaluate(
      `(() => {
         const bytes = Uint8Array.from(atob('${Buffer.from(bytes).toString('base64')}'), (c) => c.charCodeAt(0));
         const transfer = new DataTransfer();
         transfer.items.add(new File([bytes], '${name}', { type: 'image/png' }));
         document.querySelector('h1').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
       })()`,
    );
  const go = () => tab.locator('#go').click();

  it('classifies an image that is dropped anywhere, and a new image clears the answer', async () => {
    expect(await out()).toBe('The most likely classes appear here.');
    await go();
    expect(await out()).toBe('Choose an image first.');
    await drop(await png('#c03020'), 'red.png');
    await go();
    await eventually(out).toMatch(/confidence 0\.\d{3}/);
    for (const name of classes) expect(await out()).toContain(name);
    await drop(await png('#2030c0'), 'blue.png');
    expect(await out()).toBe('The most likely classes appear here.');
    expect(await tab.locator('#drop img').getAttribute('alt')).toBe('blue.png');
  });

  it('compares with texts and embeds', async () => {
    await tab.locator('label[for="task-similarity"]').click();
    await go();
    expect(await out()).toBe('Type at least one text first.');
    await tab.locator('#texts').fill('a red cat\n\n tree ');
    await go();
    await eventually(out).toMatch(/cosine similarity/);
    expect(await tab.locator('#out li span').allInnerTexts()).toEqual(expect.arrayContaining(['a red cat', 'tree']));
    await tab.locator('label[for="task-embed"]').click();
    expect(await out()).toBe('The embeddings appear here.');
    await go();
    await eventually(out).toContain('12 dimensions');
    expect(await tab.locator('#out dt').allInnerTexts()).toEqual(['Image', 'a red cat', 'tree']);
    await tab.locator('label[for="task-classify"]').click();
    await tab.locator('#texts').fill('');
  });

  it('says what is wrong in a person’s words', async () => {
    await drop(Buffer.from('no image'), 'notes.png');
    await go();
    await eventually(out).toBe('This file is not an image that the server can read. Use JPEG, PNG, WebP, AVIF or GIF.');
    const noise = Uint8Array.from({ length: 900 * 900 * 3 }, (_, i) => (i * i * 31 + i * 17) % 251);
    const large = sharp(noise, { raw: { width: 900, height: 900, channels: 3 } }).png({ compressionLevel: 0 });
    await drop(await large.toBuffer(), 'large.png');
    await go();
    await eventually(out).toBe('This image is too large for the server. Use a smaller one.');
    await drop((await png('#fff')).subarray(0, 60), 'cut.png');
    await go();
    await eventually(out).toBe('This image cannot be read. It may be damaged or cut off.');
    await drop(await png('#fff'), 'white.png');
    await tab.locator('#model').selectOption('bare');
    await go();
    await eventually(out).toBe('Type at least one class: this model has none of its own.');
    await tab.locator('#texts').fill('cat\ncat');
    await go();
    await eventually(out).toBe('The class "cat" is there twice. Remove one.');
    const context = tab.context();
    await context.setOffline(true);
    await go();
    await eventually(out).toBe('The server cannot be reached. Is it still running?');
    await context.setOffline(false);
  });

  it('fits narrow screens, and nothing complained', async () => {
    for (const width of [820, 390]) {
      await tab.setViewportSize({ width, height: 844 });
      expect(await tab.evaluate('document.documentElement.scrollWidth')).toBe(width);
    }
    expect(complaints).toEqual([]);
  });
});
