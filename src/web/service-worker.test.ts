import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserName, hasBrowser, launchBrowser } from '../test/browser.fixture.js';
import { serviceWorker } from './service-worker.js';

const built = fileURLToPath(new URL('../../dist/web/page/sw.js', import.meta.url));

/** What the server has; undefined: it is gone. A value of its own kind is where it leads to. */
let files: Record<string, string | { readonly to: string }> | undefined;
let server: Server;
let browser: Browser;
let tab: Page;
let url = '';

const html = '<!doctype html><title>page</title><script type="module" src="start.js"></script>';
const start = "navigator.serviceWorker.register('./sw.js')";

/** A page of some files, and its worker; what else the server has is none of the page's. */
async function publish(own: Readonly<Record<string, string>>, beside: typeof files = {}): Promise<void> {
  const page = { 'index.html': html, 'start.js': start, ...own };
  const sums = Object.fromEntries(
    Object.entries(page).map(([file, text]) => [file, createHash('sha256').update(text).digest('base64')]),
  );
  files = {
    ...page,
    'sw.js': serviceWorker(await readFile(built, 'utf8'), sums, ['index.html', 'start.js']),
    ...beside,
  };
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url!.split('?')[0]!.slice('/page/'.length) || 'index.html';
    const file = files?.[path];
    if (!files) request.socket.destroy();
    else if (file === undefined) response.writeHead(404).end();
    else if (typeof file === 'object') response.writeHead(302, { location: file.to }).end();
    else {
      const type = path.endsWith('.js') ? 'text/javascript' : path.endsWith('.html') ? 'text/html' : 'text/plain';
      response.writeHead(200, { 'content-type': type }).end(request.url!.includes('?') ? `${file} asked` : file);
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/page/`;
  if (!hasBrowser) return;
  browser = await launchBrowser();
  tab = await (await browser.newContext()).newPage();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

const inPage = <Value>(code: string) => tab.evaluate<Value>(`(async () => { ${code} })()`);
const get = (file: string) =>
  inPage<string>(`return fetch(${JSON.stringify(file)}).then((answer) => answer.text(), () => 'nobody answers')`);
const controlled = () =>
  inPage('return navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)');
const kept = () =>
  inPage<string[]>(
    `const all = [];
     for (const name of await caches.keys())
       for (const { url } of await (await caches.open(name)).keys()) all.push(url.slice(${url.length}));
     return all.sort();`,
  );

describe.skipIf(!hasBrowser)(`the page’s service worker, in ${browserName}`, () => {
  it('keeps the page’s own files once they were fetched, and those alone', async () => {
    const own = { 'late.txt': 'late 1', 'never.txt': 'never 1', 'led.txt': 'led 1', 'sample.gz': 'gz 1' };
    await publish(own, { 'others.txt': 'others', 'led.txt': { to: 'others.txt' } });
    await tab.goto(url);
    await expect.poll(controlled, { timeout: 30_000 }).toBe(true);
    await tab.goto(`${url}?device=wasm`);
    for (const file of ['late.txt', 'sample.gz', 'others.txt']) expect(await get(file)).toBe(String(files![file]));
    // In place of the file, as a server that asks for a password has it.
    expect(await get('led.txt')).toBe('others');
    expect(await get('late.txt?x=1')).toBe('late 1 asked');
    expect(await kept()).toEqual(['index.html', 'late.txt', 'sample.gz', 'start.js']);
  }, 60_000);

  it('answers without the server for what it has, and for nothing else', async () => {
    const before = files;
    files = undefined;
    await tab.goto(`${url}?anything`);
    expect(await tab.title()).toBe('page');
    expect([await get('late.txt'), await get('sample.gz')]).toEqual(['late 1', 'gz 1']);
    for (const file of ['never.txt', 'led.txt', 'others.txt', 'late.txt?x=1', 'late.txt/', '../late.txt', 'missing']) {
      expect(await get(file), file).toBe('nobody answers');
    }
    const other = await tab.context().newPage();
    await expect(other.goto(`${url}others.txt`)).rejects.toThrow();
    await other.close();
    files = before;
  }, 60_000);

  it('never mixes two versions: a newer file is handed on but not kept, until the newer page is taken', async () => {
    await inPage("await caches.open('somebody else’s'); await caches.open('promptkd-page http://elsewhere/ 1');");
    await publish({ 'late.txt': 'late 2', 'never.txt': 'never 2' });
    expect([await get('late.txt'), await get('never.txt')]).toEqual(['late 1', 'never 2']);
    expect(await kept()).not.toContain('never.txt');
    const waits = 'return (await (await navigator.serviceWorker.ready).update()).waiting !== null';
    await expect.poll(() => inPage(waits), { timeout: 30_000 }).toBe(true);
    expect(await get('late.txt')).toBe('late 1');
    // As the page does it: nothing is fetched meanwhile, as the browser lets the older worker end what it is at.
    await inPage(
      `const taken = new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done));
       (await navigator.serviceWorker.ready).waiting.postMessage('activate');
       await taken;`,
    );
    expect([await get('late.txt'), await get('never.txt')]).toEqual(['late 2', 'never 2']);
    await expect.poll(kept, { timeout: 30_000 }).toEqual(['index.html', 'late.txt', 'never.txt', 'start.js']);
    const names = await inPage<string[]>('return caches.keys()');
    expect(names).toHaveLength(3);
    expect(names).toEqual(expect.arrayContaining(['somebody else’s', 'promptkd-page http://elsewhere/ 1']));
  }, 300_000);
});
