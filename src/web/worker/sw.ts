/**
 * The page's service worker: keeps each of the page's files after its first use, so that the page works offline, and adds
 * the headers that give it WASM threads (cross-origin isolation) on servers that send none. What else lies below its folder
 * is none of its business: another page's files, or what a server makes.
 */
import { contentSecurityPolicy } from './policy.js';

declare const self: ServiceWorkerGlobalScope & {
  /** Written in front of this script with each page: what it is made of, and the files that are there from the start. */
  readonly site: {
    readonly version: string;
    readonly shell: readonly string[];
    /** All files of the page, each with its checksum as `integrity` takes it; without one where servers may unpack it. */
    readonly files: Readonly<Record<string, string>>;
  };
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
  const file = request.method === 'GET' ? fileOf(request) : undefined;
  if (file !== undefined) event.respondWith(answer(file));
});

async function keepShell(): Promise<void> {
  const cache = await caches.open(cacheName);
  await Promise.all(
    self.site.shell.map(async (file) => {
      const response = await fetched(file);
      if (!isWhole(response)) throw new Error(`${file}: ${response.status}`);
      await cache.put(new URL(file, scope), withHeaders(response));
    }),
  );
}

async function takeOver(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(`${PREFIX}${scope} `) && name !== cacheName);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function answer(file: string): Promise<Response> {
  const cache = await caches.open(cacheName);
  const url = new URL(file, scope);
  const kept = await cache.match(url);
  if (kept) return kept;
  try {
    const whole = await fetched(file);
    if (isWhole(whole)) {
      const response = withHeaders(whole);
      await cache.put(url, response.clone());
      return response;
    }
    await whole.body?.cancel();
  } catch {
    // No server, or its file is of a newer page than this worker's: that one brings a worker of its own.
  }
  return withHeaders(await fetch(url, { cache: 'no-cache' }));
}

/** Gets a file of this page's version. An older one may still be in the browser's own cache. */
function fetched(file: string): Promise<Response> {
  return fetch(new URL(file, scope), { cache: 'no-cache', integrity: self.site.files[file] ?? '' });
}

/** Whether a response is the file itself, and not what a server, as one that asks for a password, leads to in its place. */
const isWhole = ({ status, redirected }: Response): boolean => status === 200 && !redirected;

/** Which of the page's files is asked for; undefined for whatever is none of them. */
function fileOf({ url, mode }: Request): string | undefined {
  const { origin, pathname, search } = new URL(url);
  if (!(origin + pathname).startsWith(scope)) return undefined;
  const path = (origin + pathname).slice(scope.length);
  // The page itself may have anything behind its `?`.
  if (mode === 'navigate') return path === '' || path === 'index.html' ? 'index.html' : undefined;
  return search === '' && Object.hasOwn(self.site.files, path) ? path : undefined;
}

function withHeaders(response: Response): Response {
  const all = new Headers(response.headers);
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers: all });
}
