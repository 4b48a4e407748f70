// Milliseconds an image in the page of `promptkd web`, warm, in headless Chromium on WASM: with the threads that
// cross-origin isolation gives, and with one. Images are PNG of 256×256, one at a time.
//
//   npm run build && node bench/web.mjs [--model runs/demo/student] [--dtype fp16] [--runs 200] [--json]
//
// Without --model: the shipped student, exported for it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { preview } from 'vite';
import { writePage } from '../dist/web/index.js';
import { isolation, launchChromium, noChromium } from './browser.mjs';
import { withExport } from './exported-student.mjs';
import { readOptions, skip } from './options.mjs';

const values = readOptions({ model: undefined, dtype: undefined, runs: '200' });
if (noChromium) skip(noChromium);

const drawing = (n) => `<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256">
<rect width="256" height="256" fill="#fff"/><circle cx="${90 + 7 * n}" cy="120" r="${60 + 4 * n}" fill="hsl(${36 * n} 80% 50%)"/>
<path d="M20 230L${120 + 5 * n} 60l90 170z" fill="hsl(${120 + 36 * n} 60% 40%)"/></svg>`;
const images = await Promise.all(
  Array.from({ length: 10 }, async (_, n) =>
    (
      await sharp(Buffer.from(drawing(n)))
        .png()
        .toBuffer()
    ).toString('base64'),
  ),
);

const browser = await launchChromium();
const out = await mkdtemp(join(tmpdir(), 'promptkd-bench-web-'));
try {
  const { vision } = await withExport(values.model, (model) =>
    writePage({ model, out, title: 'bench', dtype: values.dtype }),
  );
  for (const [name, headers] of Object.entries({ isolated: isolation, 'not isolated': {} })) {
    const server = await preview({
      configFile: false,
      logLevel: 'error',
      root: out,
      build: { outDir: '.' },
      preview: { port: 0, host: '127.0.0.1', headers },
    });
    const { port } = server.httpServer.address();
    // The service worker would isolate the page by itself.
    const context = await browser.newContext({ serviceWorkers: 'block' });
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${port}/icon.svg`);
    const { threads, ms } = await page.evaluate(
      async ({ images, runs }) => {
        const { openEngine } = await import('/engine.js');
        const engine = await openEngine({ base: `${location.origin}/`, device: 'wasm' });
        const blobs = images.map((data) => new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))]));
        const times = [];
        for (let run = -20; run < runs; run++) {
          const start = performance.now();
          const { ms } = await engine.embedImage(blobs[(run + 20) % blobs.length]);
          if (run >= 0) times.push({ ...ms, all: performance.now() - start });
        }
        engine.close();
        const quantile = (part, q) => {
          const sorted = times.map((time) => time[part]).sort((a, b) => a - b);
          return Number(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))].toFixed(2));
        };
        const parts = ['decode', 'prepare', 'run', 'all'];
        return {
          threads: engine.backend.threads,
          ms: Object.fromEntries(parts.map((part) => [part, { p50: quantile(part, 0.5), p95: quantile(part, 0.95) }])),
        };
      },
      { images, runs: Number(values.runs) },
    );
    await context.close();
    await server.close();
    const row = { page: name, threads, browser: browser.version(), dtype: vision.dtype, bytes: vision.bytes };
    for (const [part, { p50, p95 }] of Object.entries(ms))
      Object.assign(row, { [`${part}_ms`]: p50, [`${part}_p95_ms`]: p95 });
    console.log(values.json ? JSON.stringify(row) : row);
  }
} finally {
  await browser.close();
  await rm(out, { recursive: true });
}
