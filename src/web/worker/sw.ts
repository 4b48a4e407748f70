/**
 * The page's service worker: keeps every file after its first use, so that the page works offline, and adds the
 * headers that give it WASM threads (cross-origin isolation) on servers that send none.
 */
import { contentSecurityPolicy } from './policy.js';

declare const self: ServiceWorkerGlobalScope & {
  /** Written in front of this script with each page: what it is made of, and the files that are there from the start. */
  readonly site: { readonly version: string; readonly shell: readonly string[] };
};

const PREFIX = 'promptkd-page ';
const scope = self.registration.scope;
/** Pages of one origin do not share their files. */
const cacheName = `${PREFIX}${scope} ${self.site.version}`;

const headers = {
  'Content-Security-Policy': contentSecurityPolicy,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

self.addEventListener('install', (event) => event.waitUntil(keepShell()));
self.addEventListener('activate', (event) => event.waitUntil(takeOver()));
self.addEventListener('message', (event) => {
  if (event.data === 'activate') event.waitUntil(self.skipWaiting());
});
self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method === 'GET' && request.url.startsWith(scope)) event.respondWith(answer(request));
});

async function keepShell(): Promise<void> {
  const cache = await caches.open(cacheName);
  await Promise.all(
    self.site.shell.map(async (file) => {
      // An older version of the file may still be in the browser's own cache.
      const response = await fetch(new URL(file, scope), { cache: 'no-cache' });
      if (!response.ok) throw new Error(`${file}: ${response.status}`);
      await cache.put(new URL(file, scope), withHeaders(response));
    }),
  );
}

async function takeOver(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(`${PREFIX}${scope} `) && name !== cacheName);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const url = request.mode === 'navigate' && isPage(request.url) ? new URL('index.html', scope) : request;
  const kept = await cache.match(url, { ignoreSearch: true });
  if (kept) return kept;
  const response = withHeaders(await fetch(request, { cache: 'no-cache' }));
  if (response.status === 200) await cache.put(request, response.clone());
  return response;
}

/** Whether an address is the page's folder itself, whatever stands behind its `?`. */
function isPage(url: string): boolean {
  const { origin, pathname } = new URL(url);
  return origin + pathname === scope;
}

function withHeaders(response: Response): Response {
  const all = new Headers(response.headers);
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers: all });
}
