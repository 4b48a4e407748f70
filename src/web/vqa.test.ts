import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { exportModel } from '../compress/index.js';
import { fileList } from '../files/index.js';
import { exportVqa, loadVqaHead, trainVqa, VqaAsker, vqaRecipe } from '../tasks/index.js';
import { tinyModel, tinyVqa } from '../tasks/vqa/tiny-vqa.fixture.js';
import { browserName, hasBrowser, launchBrowser, serveFolder } from '../test/browser.fixture.js';
import type * as web from './index.js';

const built = new URL('../../dist/web/index.js', import.meta.url);
const model = tinyModel();
let root = '';
const path = (name: string) => join(root, name);
let writePage: typeof web.writePage;

beforeAll(async () => {
  if (!existsSync(built)) throw new Error('the page is tested as built: run "npm run build" first');
  ({ writePage } = (await import(built.href)) as typeof web);
  root = await mkdtemp(join(tmpdir(), 'promptkd-web-vqa-'));
  vi.stubEnv('PROMPTKD_CACHE', path('cache'));
  const recipe = vqaRecipe.parse({
    ...{ steps: 12, batch: 12, lr: 0.03, warmup_steps: 2, answers: { min_count: 1 }, evaluation: { every: 0 } },
    head: { width: 16, layers: 1, heads: 2, intermediate_size: 16, vision_layer: 2 },
  });
  await trainVqa({ model, data: tinyVqa(), recipe, runDir: path('run') });
  await exportModel({ model, out: path('model'), classes: ['red', 'blue'], templates: ['{}'] });
  await exportVqa(model, loadVqaHead(path('run')), path('vqa'));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

describe.skipIf(!hasBrowser)(`the question box in ${browserName}`, () => {
  it('answers as Node does, from an image, offline', async () => {
    await writePage({ model: path('model'), vqa: path('vqa'), out: path('page'), title: 'Questions', dtype: 'fp32' });
    const image = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#dc1e1e' } })
      .png()
      .toBuffer();
    const asker = await VqaAsker.open(model, loadVqaHead(path('run')));
    const question = 'what colour?';
    const { answer, confidence } = await asker.ask(image, { question });
    await asker.close();
    const shown = `${answer}, ${(100 * confidence).toFixed(0)} %`;

    const server = await serveFolder(path('page'));
    const browser = await launchBrowser();
    try {
      const tab = await browser.newPage();
      tab.setDefaultTimeout(150_000);
      const ready = () => tab.locator('body[data-stage="empty"]').waitFor();
      const ask = async (text: string) => {
        await tab.locator('#question').fill(text);
        await tab.locator('#question-form button').click();
      };
      const said = (id: string) => expect.poll(() => tab.locator(id).textContent(), { timeout: 60_000 });
      await tab.goto(server.url);
      await ready();
      await ask(question);
      await said('#question-fault').toMatch(/Choose an image first/);
      const choose = () => tab.locator('#file').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: image });
      await choose();
      // The question that stands there is asked anew.
      await said('#question-answer').toBe(shown);
      await ask('   ');
      await said('#question-fault').toMatch(/expected some words/);
      await server.close();
      await tab.reload();
      await ready();
      await choose();
      await ask(question);
      await said('#question-answer').toBe(shown);
    } finally {
      await browser.close();
      await server.close().catch(() => {}); // it is closed already
    }
  });

  it('refuses a head that the page could not run', async () => {
    const page = { model: path('model'), out: path('no'), title: 'No', dtype: 'fp32', vqa: path('damaged') } as const;
    await cp(path('vqa'), page.vqa, { recursive: true });
    await rm(join(page.vqa, fileList)); // as where somebody made it
    const manifest = join(page.vqa, 'vqa.json');
    const about = JSON.parse(await readFile(manifest, 'utf8')) as { answers: string[] };
    await writeFile(
      manifest,
      JSON.stringify({ ...about, answers: [...about.answers, '<img src=x onerror=alert(1)>'] }),
    );
    await expect(writePage(page)).rejects.toThrow(/vqa_head.onnx: expected a logit for each of the 6 answers/);
    await writeFile(join(page.vqa, 'onnx', 'vqa_vision.onnx'), 'no model');
    await expect(writePage(page)).rejects.toThrow(/vqa_vision.onnx: expected a file of promptkd vqa export/);
    await cp(join(page.vqa, 'onnx', 'vqa_head.onnx'), join(page.vqa, 'onnx', 'vqa_vision.onnx'));
    await expect(writePage(page)).rejects.toThrow(/vqa_vision.onnx: .*: OnnxFile.run: input patch_tokens is missing/);
    await writeFile(manifest, JSON.stringify({ ...about, text_tokens: 1e15 }));
    await expect(writePage(page)).rejects.toThrow(/vqa.json: text_tokens: expected at most 65536/);
  });

  it('refuses a head of another model', async () => {
    const other = tinyModel(4, 16, 16);
    await exportModel({ model: other, out: path('other'), classes: ['red', 'blue'], templates: ['{}'] });
    const page = { model: path('other'), out: path('no'), title: 'No', dtype: 'fp32' } as const;
    await expect(writePage({ ...page, vqa: path('vqa') })).rejects.toThrow(
      /expected a head of this model, got one of another, with images of 8 pixels in place of 16/,
    );
    await expect(writePage({ ...page, vqa: path('model') })).rejects.toThrow(/vqa.json/);
  });
});
