import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { Hono } from 'hono';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { imageFile } from '../../test/images.fixture.js';
import type * as serving from '../index.js';

const built = new URL('../../../dist/serve/index.js', import.meta.url);

const log = pino({ level: 'silent' });
let serve: typeof serving.serve;
let handler: serving.Handler;
let bytes: Buffer;

beforeAll(async () => {
  if (!existsSync(built)) throw new Error('threads are tested as built: run "npm run build" first');
  ({ serve } = (await import(built.href)) as typeof serving);
  handler = await serve({ models: ['promptkd:emoji-student'], threads: 1, log });
  bytes = await imageFile();
});
afterAll(() => handler.close());

/** A form as a browser sends it. */
function form(): FormData {
  const body = new FormData();
  body.set('images', new Blob([bytes]), 'cat.png');
  body.set('classes', 'cat, dog');
  return body;
}
const cats = { model: 'emoji-student', results: [{ top: [{}, {}] }] };
const asJson = { method: 'POST', headers: { 'content-type': 'application/json' } };

it('answers inside of a Hono app, with nothing but the Fetch API', async () => {
  const app = new Hono().get('/', (c) => c.text('mine')).mount('/clip', handler.fetch);
  expect(await (await app.request('/')).text()).toBe('mine');
  const answer = await app.request('/clip/v1/classify', { method: 'POST', body: form() });
  expect(await answer.json()).toMatchObject(cats);
  const images = [bytes.toString('base64')];
  const same = await app.request('/clip/v1/classify', {
    ...asJson,
    body: JSON.stringify({ images, classes: ['cat', 'dog'] }),
  });
  expect(await same.json()).toMatchObject(cats);
  expect((await app.request('/clip/v1/nothing')).status).toBe(404);
  const empty = await app.request('/clip/v1/embed', { ...asJson, body: '' });
  expect([empty.status, ((await empty.json()) as { error: { message: string } }).error.message]).toEqual([
    400,
    'expected a JSON body',
  ]);
});

it('ends an answer whose client has left', async () => {
  const gone = AbortSignal.abort();
  const answer = await handler.fetch(
    new Request('http://host/v1/classify', { method: 'POST', body: form(), signal: gone }),
  );
  expect(answer.status).toBe(408);
});

it('answers behind a path of a Node server, as Express mounts it, and says where the body is gone', async () => {
  const server: Server = createServer(async (request, response) => {
    // What Express's use('/clip', …) and a body parser before it do.
    if (request.url?.startsWith('/parsed')) await json(request);
    request.url = request.url?.replace(/^\/(clip|parsed)/, '');
    void handler.listener(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const answer = await fetch(`${url}/clip/v1/classify`, { method: 'POST', body: form() });
    expect(await answer.json()).toMatchObject(cats);
    const parsed = await fetch(`${url}/parsed/v1/embed`, { ...asJson, body: '{"texts": ["cat"]}' });
    expect(parsed.status).toBe(500);
    expect(await parsed.json()).toMatchObject({ error: { code: 'body_read' } });
  } finally {
    server.close();
  }
});

it.each([
  [{ model: ['m'] }, 'serve: unknown field model; did you mean models?'],
  [{ models: 'm' }, 'serve: models: expected array, got "m"'],
  [{ models: ['m'], port: 80 }, 'serve: unknown field port'],
  [{ models: ['m'], maxImages: '5' }, 'serve: maxImages: expected number, got "5"'],
])('refuses what is no option: %j', async (options, message) => {
  // As JavaScript may call it, where no types warn.
  await expect(serve(options as never)).rejects.toThrow(message);
});

it('asks for a key where it has some', async () => {
  const keyed = await serve({ models: ['promptkd:emoji-student'], threads: 1, keys: ['a-long-enough-key'], log });
  const ask = (authorization: string) =>
    keyed.fetch(new Request('http://host/v1/models', { headers: { authorization } }));
  expect((await ask('Bearer no')).status).toBe(401);
  expect((await ask('Bearer a-long-enough-key')).status).toBe(200);
  await keyed.close();
  expect((await ask('Bearer a-long-enough-key')).status).toBe(503);
});
