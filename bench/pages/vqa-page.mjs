// A page with a box for questions in a real Chromium: the milliseconds of a question, and the picture of docs/vqa.md.
//
//   npm run build && node bench/pages/vqa-page.mjs --head runs/vqa/distilled-0 [--out docs/vqa.png]
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import sharp from 'sharp';
import { exportModel } from '../../dist/compress/index.js';
import { loadTowerModel } from '../../dist/model/index.js';
import { exportVqa, loadVqaHead, openVqa } from '../../dist/tasks/index.js';
import { writePage } from '../../dist/web/index.js';
import { readOptions } from '../options.mjs';

const { head, out, folder } = readOptions({
  head: 'runs/vqa/distilled-0',
  out: 'docs/vqa.png',
  folder: 'runs/vqa-page',
});
const model = await loadTowerModel(fileURLToPath(new URL('../../models/emoji-student', import.meta.url)), 'vqa');
await exportModel({ model, out: join(folder, 'model') });
await exportVqa(model, loadVqaHead(head), join(folder, 'vqa'));
const page = join(folder, 'page');
await writePage({
  model: join(folder, 'model'),
  vqa: join(folder, 'vqa'),
  out: page,
  title: 'Emoji student',
  dtype: 'fp32',
});

const { images, splits } = await openVqa('emoji-vqa');
const { image } = splits.test.find(({ type }) => type === 'colour');
const { data, ...raw } = await images.load(images.splits.test.find(({ id }) => id === image));
const scene = await sharp(data, { raw }).resize(512).png().toBuffer();

const types = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript' };
const server = createServer(async ({ url }, response) => {
  const path = new URL(url, 'http://localhost').pathname;
  try {
    const body = await readFile(join(page, path.endsWith('/') ? `${path}index.html` : path));
    response
      .writeHead(200, { 'content-type': types[extname(path) || '.html'] ?? 'application/octet-stream' })
      .end(body);
  } catch {
    response.writeHead(404).end();
  }
}).listen(0);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const tab = await browser.newPage({ viewport: { width: 1200, height: 900 } });
await tab.goto(`http://localhost:${server.address().port}/`);
await tab.locator('body[data-stage="empty"]').waitFor();
await tab.locator('#file').setInputFiles({ name: 'scene.png', mimeType: 'image/png', buffer: scene });
await tab.locator('body[data-stage="image"]').waitFor();
const times = [];
for (let i = 0; i < 20; i++) {
  const before = await tab.locator('#question-more').textContent();
  await tab.locator('#question').fill(i % 2 ? 'how many things?' : 'what colour is the key?');
  await tab.locator('#question-form button').click();
  await tab.waitForFunction((text) => document.getElementById('question-more').textContent !== text, before);
  times.push(Number(/; ([\d.]+) ms/.exec(await tab.locator('#question-more').textContent())[1]));
}
times.sort((a, b) => a - b);
console.log(
  JSON.stringify({ backend: await tab.locator('#backend').textContent(), median_ms: times[10], most_ms: times[19] }),
);
await tab.screenshot({ path: out });
await browser.close();
server.close();
process.exit(0);
