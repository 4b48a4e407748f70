import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pino } from 'pino';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { exportModel } from '../../compress/index.js';
import { checkpoint } from '../../compress/student.fixture.js';
import type * as serve from '../index.js';

const dist = (path: string) => new URL(`../../../dist/${path}`, import.meta.url);
const log = pino({ level: 'silent' });
let ModelServer: typeof serve.ModelServer;
let answerInThread: typeof serve.answerInThread;
let root = '';
let server: serve.ModelServer;
let png: Buffer;
let opened = 0;
let closed = 0;

/** Counts images and says what it was asked, in a thread. */
const module = `
import { UserError } from '${dist('errors.js').href}';
import { Fault } from '${dist('serve/index.js').href}';
let begun = false;
export async function open({ unit }) {
  if (unit === 'broken') throw new UserError('unit: expected one that is not broken');
  return {
    async answer({ images, fields }, signal) {
      if (fields.question === 'until?') {
        begun = true;
        while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      if (fields.question === 'begun?') return { answer: String(begun) };
      if (fields.question === 'what?') throw new UserError('question: expected one that says what');
      if (fields.question === 'now?') throw new Fault(429, 'busy', 'later', 3);
      return { answer: images.length + ' ' + unit, bytes: images.map((one) => one.length), ...fields };
    },
    async close() {},
  };
}`;

function asks(unit = 'images'): serve.Extension {
  return {
    path: '/v1/ask',
    summary: 'Answers a question about images',
    fields: z.strictObject({ question: z.string().min(1).max(40), answers: z.array(z.string()).optional() }),
    answer: { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] },
    async open({ workers, maxQueue }) {
      opened++;
      const file = pathToFileURL(join(root, 'asks.mjs'));
      const answerer = await answerInThread(file, { unit }, { workers, maxQueue });
      return { ...answerer, close: () => answerer.close().then(() => void closed++) };
    },
  };
}

beforeAll(async () => {
  if (!existsSync(dist('serve/index.js'))) throw new Error('threads are tested as built: run "npm run build" first');
  ({ ModelServer, answerInThread } = (await import(dist('serve/index.js').href)) as typeof serve);
  root = await mkdtemp(join(tmpdir(), 'promptkd-extension-'));
  await writeFile(join(root, 'asks.mjs'), module);
  await exportModel({ model: checkpoint, out: join(root, 'model') });
  png = await sharp({ create: { width: 20, height: 20, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  server = await ModelServer.start(
    {
      ...{ models: [join(root, 'model')], extensions: [asks()], keys: ['sesame'] },
      port: 0,
      threads: 1,
      maxPixels: 1e4,
    },
    log,
  );
});
afterAll(async () => {
  await server?.stop();
  await rm(root, { recursive: true, force: true });
});

interface Json {
  readonly error?: { readonly message: string };
  readonly [name: string]: unknown;
}

async function ask(body: object | FormData, headers: Record<string, string> = {}) {
  const form = body instanceof FormData;
  const response = await fetch(`${server.url}/v1/ask`, {
    method: 'POST',
    body: form ? body : JSON.stringify(body),
    headers: { authorization: 'Bearer sesame', ...(form ? {} : { 'content-type': 'application/json' }), ...headers },
  });
  return { status: response.status, headers: response.headers, json: (await response.json()) as Json };
}

it('answers through an extension, in JSON and as a form, under the rules of the server', async () => {
  const images = [png.toString('base64')];
  const answered = await ask({ images, question: 'how many?' });
  expect(answered).toMatchObject({ status: 200, json: { answer: '1 images', bytes: [png.length] } });
  const form = new FormData();
  form.append('images', new Blob([new Uint8Array(png)]), 'a.png');
  form.append('question', 'how many?');
  form.append('answers', 'one');
  form.append('answers', 'two');
  expect((await ask(form)).json).toMatchObject({ answers: ['one', 'two'] });

  const large = await sharp({ create: { width: 200, height: 200, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const refused: [object, Record<string, string>, number, RegExp][] = [
    [{ images }, {}, 400, /question/],
    [{ images, question: 'x'.repeat(10_000) }, {}, 400, /question/],
    [{ images, question: 'how?', pixel: 1 }, {}, 400, /pixel/],
    [{ images, question: 'what?' }, {}, 400, /expected one that says what/],
    [{ images, question: 'now?' }, {}, 429, /later/],
    [{ images: [large.toString('base64')], question: 'how?' }, {}, 400, /million pixels/],
    [{ images, question: 'how?' }, { authorization: 'Bearer no' }, 401, /key/],
    [{ images, question: 'how?' }, { origin: 'https://elsewhere.example', 'sec-fetch-site': 'cross-site' }, 403, /./],
  ];
  for (const [body, headers, status, message] of refused) {
    const { status: got, json } = await ask(body, headers);
    expect([got, json.error?.message]).toEqual([status, expect.stringMatching(message)]);
  }

  const get = (path: string) => fetch(server.url + path, { headers: { authorization: 'Bearer sesame' } });
  const { paths } = (await (await get('/openapi.json')).json()) as { paths: Record<string, object> };
  expect(JSON.stringify(paths['/v1/ask'])).toMatch(/Answers a question about images.*multipart.*question/);
  expect(await (await get('/metrics')).text()).toMatch(/promptkd_requests_total{route="\/v1\/ask",status="200"} 2/);

  const before = opened;
  await server.reload();
  expect([opened, closed]).toEqual([before + 1, 1]);
  expect((await ask({ images, question: 'still?' })).status).toBe(200);
});

it('tells work in a thread that nobody waits for it, and the next request is answered', async () => {
  const answerer = await answerInThread(pathToFileURL(join(root, 'asks.mjs')), {}, { workers: 1, maxQueue: 8 });
  const client = new AbortController();
  const without = answerer.answer({ images: [], fields: { question: 'until?' } }, client.signal);
  setTimeout(() => client.abort(), 20);
  expect(await without).toMatchObject({ answer: '0 undefined' });
  const { signal } = new AbortController();
  expect(await answerer.answer({ images: [], fields: { question: 'begun?' } }, signal)).toEqual({ answer: 'true' });
  await answerer.close();
});

it('repeats nothing that a terminal would act upon', async () => {
  const { status, json } = await ask({ images: [], question: 'a?', 'x\u202e\x9b2J': 1 });
  expect([status, json.error?.message]).toEqual([400, expect.stringContaining('unknown field x\\u202e\\x9b2J')]);
});

it('refuses paths of the server, and does not start where an extension cannot be opened', async () => {
  const start = (extensions: serve.Extension[]) =>
    ModelServer.start({ models: [join(root, 'model')], extensions, port: 0, threads: 1 }, log);
  await expect(start([{ ...asks(), path: '/v1/embed' }])).rejects.toThrow('/v1/embed twice');
  await expect(start([{ ...asks(), path: '/ask' }])).rejects.toThrow('/v1/name');
  await expect(start([asks('broken')])).rejects.toThrow('unit: expected one that is not broken');
});
