// Where a JavaScript peer runs: in this process, or in headless Chromium, where WebAssembly gets threads.
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { isolation, launchChromium } from './browser.mjs';
import { leaveOut } from './options.mjs';
import { threads } from './peers.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The folder that PROMPTKD_PEERS names, where it has the packages; otherwise they are left out. */
export function findPeers(packages) {
  const folder = process.env.PROMPTKD_PEERS;
  const missing = packages.filter((name) => !folder || !existsSync(join(folder, 'node_modules', name)));
  if (missing.length === 0) return resolve(folder);
  const why = folder ? `${folder} has no ${missing.join(' and no ')}` : 'PROMPTKD_PEERS names no folder';
  leaveOut(`${packages.join(' and ')}: ${why}; npm install --prefix DIR ${packages.join(' ')}`);
  return undefined;
}

/**
 * Each host opens a side of `peers/`, the module `file`, with its packages from a folder. `start(job)` loads tensors,
 * `read()` runs once and gives the numbers by name, `time()` runs once and gives milliseconds; `ids` are processes of its own.
 */
export const hosts = {
  async node(folder, file) {
    const { open, packages } = await import(here(`peers/${file}`));
    const require = createRequire(join(folder, 'package.json'));
    const side = await open(packages.map(require), { threads });
    let run;
    return {
      threads: side.threads,
      start: async (job) => {
        run = side.start(job);
      },
      read: () => run(true),
      async time() {
        const start = performance.now();
        await run(false);
        return performance.now() - start;
      },
      close: async () => {},
      ids: [],
    };
  },

  async chromium(folder, file) {
    const site = await bundle(folder, file);
    const browser = await launchChromium('--disable-features=SpareRendererForSitePerProcess');
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    let tensors = {};
    await page.route('**/*', async (route) => {
      const url = new URL(route.request().url());
      const name = url.searchParams.get('name');
      const { data } = tensors[name] ?? {};
      const file = join(site, basename(url.pathname));
      const found = data || (url.pathname !== '/' && existsSync(file));
      if (!found && url.pathname !== '/') return route.fulfill({ status: 404 });
      const body = data ? bytes(data) : found ? await readFile(file) : '<!doctype html>';
      return route.fulfill({ body, contentType: typeOf(url.pathname), headers: isolation });
    });
    await page.goto('http://localhost/');
    await page.addScriptTag({ url: '/peer.js', type: 'module' });
    await page.waitForFunction(() => globalThis.peer !== undefined);
    const session = await browser.newBrowserCDPSession();
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    return {
      threads: await page.evaluate(() => globalThis.peer.threads),
      async start(job) {
        tensors = job.tensors;
        const shapes = Object.fromEntries(Object.entries(tensors).map(([name, { shape }]) => [name, { shape }]));
        await page.evaluate((job) => globalThis.peer.start(job), { ...job, tensors: shapes });
        tensors = {};
      },
      async read() {
        const numbers = await page.evaluate(() => globalThis.peer.read());
        return Object.fromEntries(Object.entries(numbers).map(([name, text]) => [name, floats(text)]));
      },
      time: () => page.evaluate(() => globalThis.peer.time()),
      async close() {
        await browser.close();
        await rm(site, { recursive: true });
      },
      // Threads of a page are no processes, so these stay the same.
      ids: processInfo.map(({ id }) => id),
    };
  },
};

const typeOf = (path) =>
  path.endsWith('.js') ? 'text/javascript' : path.endsWith('.wasm') ? 'application/wasm' : 'text/html';
const bytes = (data) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
const floats = (text) => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer);

/** A folder with the side and its packages as one file, `peer.js`, and the files it fetches. */
async function bundle(folder, file) {
  const { packages, files } = await import(here(`peers/${file}`));
  const site = await mkdtemp(join(tmpdir(), 'promptkd-peer-'));
  await symlink(join(folder, 'node_modules'), join(site, 'node_modules'));
  const names = packages.map((_, i) => `package${i}`);
  const entry = join(site, 'entry.js');
  await writeFile(
    entry,
    [
      ...packages.map((name, i) => `import * as ${names[i]} from '${name}';`),
      `import { open } from ${JSON.stringify(here(`peers/${file}`))};`,
      `import { serve } from ${JSON.stringify(here('peers/page.mjs'))};`,
      `serve(await open([${names}], { threads: ${threads}, wasmPath: '/' }));`,
    ].join('\n'),
  );
  const output = { entryFileNames: 'peer.js', format: 'es', codeSplitting: false };
  // TensorFlow.js hands the source text of a function to its workers: it must stay as it was written.
  const options = { outDir: site, emptyOutDir: false, minify: false, modulePreload: false, target: 'esnext' };
  await build({
    ...{ root: site, configFile: false, logLevel: 'error', publicDir: false },
    build: { ...options, rolldownOptions: { input: entry, output } },
  });
  for (const name of files ? packages : []) {
    await cp(join(folder, 'node_modules', name, 'dist'), site, {
      recursive: true,
      filter: (path) => !/\.[^/]*$/.test(basename(path)) || files.test(path),
    });
  }
  return site;
}
