import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportModel } from '../../compress/index.js';
import { checkpoint } from '../../compress/student.fixture.js';
import { fileList } from '../../files/index.js';
import type * as serve from '../index.js';
import { PixelBudget } from './pixel-budget.js';

const built = new URL('../../../dist/serve/index.js', import.meta.url);
const log = pino({ level: 'silent' });
let ModelServer: typeof serve.ModelServer;
let LocalEncoder: typeof serve.LocalEncoder;
let server: serve.ModelServer;
let root = '';
let model = '';
let png = '';

const flat = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: '#a31' } });

beforeAll(async () => {
  if (!existsSync(built)) throw new Error('worker threads are tested as built: run "npm run build" first');
  ({ ModelServer, LocalEncoder } = (await import(built.href)) as typeof serve);
  root = await mkdtemp(join(tmpdir(), 'promptkd-hostile-'));
  model = join(root, 'model');
  await exportModel({ model: checkpoint, out: model, classes: ['cat', 'dog'] });
  png = (await flat(20, 20).png().toBuffer()).toString('base64');
  server = await ModelServer.start({ models: [model], port: 0, threads: 1, maxPixels: 1e6 }, log);
});
afterAll(async () => {
  await server?.stop();
  await rm(root, { recursive: true, force: true });
});

async function ask(body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const sent = { method: 'POST', body: text, headers: { 'content-type': 'application/json', ...headers } };
  const response = await fetch(`${server.url}/v1/classify`, sent);
  const json = (await response.json()) as { error: { code: string; message: string } };
  return { status: response.status, ...json.error };
}

describe('one request', () => {
  const many = Array.from({ length: 1e6 }, () => 0.5);
  it.each<[string, () => unknown, string]>([
    ['a list of a million thresholds', () => ({ threshold: many }), 'values in all'],
    ['a list of hundreds of thresholds', () => ({ threshold: many.slice(0, 300) }), 'threshold: '],
    ['a field with a name of 15 MB', () => ({ ['x'.repeat(15e6)]: 1 }), 'unknown field xxx'],
    ['a value of 15 MB that is none', () => ({ top: 'x'.repeat(15e6) }), 'top: expected number, got "xxx'],
    ['a model with a name of 15 MB', () => ({ model: 'x'.repeat(15e6) }), 'model: expected at most 100 characters'],
    ['500 levels of lists', () => `{"threshold":${'['.repeat(500)}${']'.repeat(500)}}`, 'of at most 8 levels'],
    ['500 levels of objects', () => `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`, 'of at most 8 levels'],
    ['brackets without end', () => '['.repeat(15e6), 'of at most 8 levels'],
    ['a string without end', () => `{"a":"${'\\"'.repeat(5e6)}`, 'expected a JSON body'],
    ['500 slots of a template', () => ({ classes: ['a'], templates: ['{}'.repeat(500)] }), 'templates[0]: '],
    ['a class twice, of 1,000 characters', () => ({ classes: ['x'.repeat(999), 'x'.repeat(999)] }), 'each class once'],
  ])('with %s is refused, and little of it repeated', async (_, body, message) => {
    const given = body();
    const { status, message: said } = await ask(
      typeof given === 'string' ? given : { images: [png], ...(given as object) },
    );
    expect([status, said]).toEqual([400, expect.stringContaining(message)]);
    expect(said.length).toBeLessThan(250);
  });

  it('may hold brackets and commas in its texts', async () => {
    const strange = `a "[[[[[[[[[[{{{{" \\ ${','.repeat(900)}`;
    expect(await ask({ images: [png], classes: [strange, 'b'] })).toMatchObject({ status: 200 });
  });

  it('with images that decode to more than their share is refused by their heads', async () => {
    const avif = (await flat(900, 900).avif({ effort: 0 }).toBuffer()).toString('base64');
    expect(await ask({ images: [avif], classes: ['a', 'b'] })).toMatchObject({ status: 200 });
    const { status, code, message } = await ask({ images: Array(32).fill(avif) });
    expect([status, code]).toEqual([413, 'too_many_pixels']);
    expect(message).toBe('images: expected at most 4 million pixels in all, those of an AVIF counted 4 times');
  });

  it('with an image of one pixel by many is refused', async () => {
    const tall = (await flat(1, 70_000).png().toBuffer()).toString('base64');
    const answer = await ask({ images: [png, tall] });
    expect(answer).toMatchObject({
      status: 400,
      message: 'images[1]: expected at most 65500 pixels a side, got 1×70000',
    });
  });

  it.each<[Record<string, string>, number]>([
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site', origin: 'http://localhost:1' }, 403],
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ 'sec-fetch-site': 'same-origin' }, 200],
    [{}, 200],
  ])('sent by a browser with %j gets %i', async (headers, status) => {
    // fetch() of Node sets headers of its own in this family.
    const { hostname: host, port } = new URL(server.url);
    const got = await new Promise((resolve) => {
      const all = { 'content-type': 'application/json', ...headers };
      request({ host, port, path: '/v1/classify', method: 'POST', headers: all }, (r) =>
        resolve(r.resume().statusCode),
      ).end(JSON.stringify({ images: [png] }));
    });
    expect(got).toBe(status);
  });
});

it('the pixels of all requests under way have a limit, too', async () => {
  const budget = new PixelBudget({ maxPixels: 100, maxRequestPixels: 300, maxHeldPixels: 400 });
  const file = await flat(10, 10).png().toBuffer();
  const { signal } = new AbortController();
  const free = await budget.take([file, file, file], signal);
  await expect(budget.take([file, file], signal)).rejects.toMatchObject({ status: 429, retryAfter: 1 });
  const other = await budget.take([file, Buffer.from('no image')], signal);
  free();
  free();
  await (await budget.take([file, file, file], signal))();
  other();
  await expect(budget.take(Array(4).fill(file), signal)).rejects.toMatchObject({ status: 413 });
});

it('images that nobody waits for any more are not decoded', async () => {
  const encoder = await LocalEncoder.open(model);
  const file = Buffer.from(png, 'base64');
  const { faults } = await encoder.images([file, file], undefined, [undefined, AbortSignal.abort()]);
  await encoder.close();
  expect(faults).toEqual([undefined, 'image 1: nobody waits for it any more']);
});

describe('a model whose file is damaged', () => {
  it('does not take the server with it, at the start or later', async () => {
    const own = join(root, 'own');
    await cp(model, own, { recursive: true });
    await rm(join(own, fileList)); // as of other exporters
    const other = await ModelServer.start({ models: [own], port: 0, threads: 1 }, log);
    const embed = () =>
      fetch(`${other.url}/v1/embed`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ images: [png] }),
      }).then(({ status }) => status);
    for (const name of ['vision_model', 'text_model']) {
      const file = join(own, 'onnx', `${name}.onnx`);
      await writeFile(file, 'not a model');
      await expect(other.reload()).rejects.toThrow(`${name}.onnx: expected an ONNX model`);
      expect(await embed()).toBe(200);
      if (name === 'text_model') {
        const start = ModelServer.start({ models: [own], port: 0, threads: 1, workers: 2 }, log);
        await expect(start).rejects.toThrow(`${name}.onnx: expected an ONNX model`);
      }
      await cp(join(model, 'onnx', `${name}.onnx`), file);
    }
    // Asked for again while it reloads, it does so once more: the first may have read what has changed since.
    await Promise.all([other.reload(), other.reload(), other.reload()]);
    const metrics = await fetch(`${other.url}/metrics`).then((response) => response.text());
    expect(metrics).toContain('promptkd_reloads_total{result="done"} 2');
    expect(await embed()).toBe(200);
    await other.stop();
  });
});

it('a server that stops resets no connection', async () => {
  const own = await ModelServer.start({ models: [model], port: 0, threads: 1 }, log);
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const faults: unknown[] = [];
  const get = () =>
    new Promise<boolean>((resolve) => {
      request(`${own.url}/healthz`, { agent }, (response) => response.resume().on('end', () => resolve(true)))
        .on('error', (error: NodeJS.ErrnoException) => {
          if (error.code !== 'ECONNREFUSED') faults.push(error);
          resolve(false);
        })
        .end();
    });
  const answered = new Set<number>();
  const client = async (_: unknown, i: number) => {
    while (await get()) answered.add(i);
  };
  const clients = Array.from({ length: 8 }, client);
  await expect.poll(() => answered.size).toBe(8); // all of them have a connection
  await Promise.all([own.stop(), ...clients]);
  agent.destroy();
  expect(faults).toEqual([]);
});
