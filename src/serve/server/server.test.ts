import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type ClientRequest, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { pino } from 'pino';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { exportModel } from '../../compress/index.js';
import { checkpoint } from '../../compress/student.fixture.js';
import type * as serve from '../index.js';
import { DegradedLog } from './degraded-log.js';

const built = new URL('../../../dist/serve/index.js', import.meta.url);
const logged: string[] = [];
const log = pino({ level: 'warn' }, { write: (line) => logged.push(line) });
const classes = ['red cat', 'two houses', 'tree'];
const key = 'a-key-of-this-test';
let ModelServer: typeof serve.ModelServer;
let LocalEncoder: typeof serve.LocalEncoder;
let encoderStage: typeof serve.encoderStage;
let writeCascade: typeof serve.writeCascade;
let root = '';
let server: serve.ModelServer;
let png: Buffer;

const path = (name: string) => join(root, name);

beforeAll(async () => {
  if (!existsSync(built)) throw new Error('worker threads are tested as built: run "npm run build" first');
  ({ ModelServer, LocalEncoder, encoderStage, writeCascade } = (await import(built.href)) as typeof serve);
  root = await mkdtemp(join(tmpdir(), 'promptkd-serve-'));
  await exportModel({ model: checkpoint, out: path('small'), classes });
  await exportModel({ model: checkpoint, out: path('large') });
  const noise = Buffer.from(Array.from({ length: 20 * 20 * 3 }, (_, i) => (i * 37) % 251));
  png = await sharp(noise, { raw: { width: 20, height: 20, channels: 3 } })
    .png()
    .toBuffer();
  await writeCascade(path('both.json'), {
    confidence: 'probability',
    stages: [
      { model: path('small'), temperature: 2, threshold: 0.5 },
      { model: path('large'), temperature: 1 },
    ],
  });
  await writeCascade(path('remote.json'), {
    confidence: 'probability',
    stages: [
      { model: path('small'), temperature: 1, threshold: 1 },
      { url: 'http://127.0.0.1:9', temperature: 1, retries: 0, key_env: 'PROMPTKD_TEACHER' },
    ],
  });
  vi.stubEnv('PROMPTKD_TEACHER', key);
  server = await ModelServer.start(
    {
      models: [path('small'), path('both.json'), path('remote.json')],
      ...{ port: 0, threads: 1, maxBodyBytes: 2 ** 20, maxPixels: 1e6, maxImages: 4, maxQueue: 40 },
      ...{ headersTimeoutMs: 1000, bodyWindowMs: 3000, maxHeldBytes: 2 ** 20 },
    },
    log,
  );
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server?.stop();
  await rm(root, { recursive: true, force: true });
});

async function post(address: string, body: unknown, headers: Record<string, string> = {}, to = server) {
  const form = body instanceof FormData;
  const response = await fetch(to.url + address, {
    method: 'POST',
    body: form ? body : typeof body === 'string' ? body : JSON.stringify(body),
    headers: form ? headers : { 'content-type': 'application/json', ...headers },
  });
  return { status: response.status, headers: response.headers, json: (await response.json()) as never as Json };
}
interface Json {
  readonly error: { readonly code: string; readonly message: string };
  readonly results: readonly {
    readonly top: { class: string; probability: number }[];
    readonly [name: string]: unknown;
  }[];
  readonly [name: string]: unknown;
}
/** A square of one bit a pixel: 400 million pixels of it take 50 kB. */
function whitePng(side: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const named = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head[8] = 1;
  const rows = deflateSync(Buffer.alloc(side * (1 + side / 8)));
  const parts = [chunk('IHDR', head), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}

const imageBody = () => ({ images: [png.toString('base64')] });

describe('answers', () => {
  it('classifies as the model does by hand, through JSON and forms', async () => {
    const encoder = await LocalEncoder.open(path('small'));
    const stage = await encoderStage('alone', encoder, { classes, templates: ['a photo of [OBJ]'] });
    const [alone] = await stage.logits([png]);
    await encoder.close();
    const { json } = await post('/v1/classify', { ...imageBody(), logits: true });
    const close = Array.from(alone!, (z) => expect.closeTo(z, 4));
    expect(json.results[0]!.logits).toEqual(close);
    expect(json.results[0]!.top.map(({ class: name }) => name).sort()).toEqual([...classes].sort());
    const wrapped = { images: [`data:image/png;base64,${png.toString('base64').replace(/.{76}/g, '$&\r\n')}`] };
    expect((await post('/v1/classify', { ...wrapped, logits: true })).json.results[0]!.logits).toEqual(close);
    const form = new FormData();
    form.append('images', new Blob([new Uint8Array(png)]), 'a.png');
    form.append('images', new Blob([new Uint8Array(png)]), 'b.png');
    form.append('classes', classes.join(', '));
    form.append('templates', 'a photo of [OBJ]');
    form.append('logits', 'true');
    const again = await post('/v1/classify?top=1', form);
    expect(again.json.results.map(({ logits }) => logits)).toEqual([close, close]);
    expect(again.json.results[0]!.top).toHaveLength(1);
  });

  it.each(['jpeg', 'webp', 'avif', 'gif'] as const)('reads %s', async (format) => {
    const file = await sharp(png).toFormat(format).toBuffer();
    expect((await post('/v1/embed', { images: [file.toString('base64')] })).status).toBe(200);
  });

  it('embeds at unit length, and compares', async () => {
    const { json } = await post('/v1/embed', { ...imageBody(), texts: ['a red cat'] });
    const [image, text] = [(json.images as number[][])[0]!, (json.texts as number[][])[0]!];
    expect(Math.hypot(...image)).toBeCloseTo(1, 5);
    const cosine = image.reduce((sum, x, i) => sum + x * text[i]!, 0);
    const both = await post('/v1/similarity', { ...imageBody(), texts: ['a red cat'] });
    expect((both.json.similarity as number[][])[0]![0]).toBeCloseTo(cosine, 5);
  });

  it('answers through a cascade, by its own threshold or the request’s', async () => {
    const ask = async (threshold?: number) =>
      (await post('/v1/classify', { ...imageBody(), classes, model: 'both', threshold })).json.results[0]!;
    expect(await ask(0)).toMatchObject({ stage: 0, degraded: false });
    expect(await ask(1)).toMatchObject({ stage: 1, degraded: false });
    expect(await ask()).toMatchObject({ confidence: expect.any(Number) });
  });

  it('gives the student’s answer, marked, where the teacher is not reached, and logs why once', async () => {
    const ask = () => post('/v1/classify', { ...imageBody(), model: 'remote' });
    for (const { status, json } of [await ask(), await ask()]) {
      expect(status).toBe(200);
      expect(json.results[0]).toMatchObject({ stage: 0, degraded: true });
    }
    const lines = logged.filter((line) => line.includes('degraded'));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      ...{ level: 40, cascade: 'remote', answers: 1 },
      reason: expect.stringContaining('stage 1: no answer: '),
    });
    expect(lines[0]).not.toContain(key);
  });

  it('logs degraded answers once a minute, with their number', () => {
    vi.useFakeTimers();
    const warn = vi.fn();
    const degraded = new DegradedLog({ warn });
    for (let second = 0; second < 90; second++) {
      degraded.note('a', `reason ${second}`);
      vi.advanceTimersByTime(1000);
    }
    degraded.note('b', 'another');
    vi.useRealTimers();
    expect(warn.mock.calls.map(([what]) => what)).toEqual([
      { cascade: 'a', reason: 'reason 0', answers: 1 },
      { cascade: 'a', reason: 'reason 60', answers: 60 },
      { cascade: 'b', reason: 'another', answers: 1 },
    ]);
  });

  it('does not take a key that could not stand in a header, nor quote it', async () => {
    vi.stubEnv('PROMPTKD_TEACHER', 'two words');
    const start = ModelServer.start({ models: [path('remote.json')], port: 0 }, log);
    await expect(start).rejects.toThrow(/remote\.json: stages\.1\.key_env: (?!.*two words).*PROMPTKD_TEACHER/);
    vi.stubEnv('PROMPTKD_TEACHER', key);
  });

  it('says so where there is nothing to search', async () => {
    expect(await post('/v1/search', { texts: ['red'] })).toMatchObject({
      status: 404,
      json: { error: { code: 'no_search', message: 'this server searches no images: start it with --search FOLDER' } },
    });
  });

  it('describes itself', async () => {
    const get = async (address: string) => (await fetch(server.url + address)).text();
    expect(JSON.parse(await get('/v1/models')).models.map(({ kind }: { kind: string }) => kind)).toEqual([
      'model',
      'cascade',
      'cascade',
    ]);
    expect(JSON.parse(await get('/healthz'))).toEqual({ status: 'ok' });
    expect(JSON.parse(await get('/readyz'))).toEqual({ status: 'ready' });
    const api = JSON.parse(await get('/openapi.json'));
    expect(Object.keys(api.paths)).toContain('/v1/similarity');
    const metrics = await get('/metrics');
    expect(metrics).toMatch(/promptkd_requests_total\{route="\/v1\/classify",status="200"\} \d/);
    const page = await fetch(server.url);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).toContain('/v1/classify');
  });
});

describe('bad requests', () => {
  it.each([
    ['no JSON', '{', 400, 'bad_request', 'expected a JSON body'],
    ['no image', {}, 400, 'bad_request', 'images: expected at least one image'],
    [
      'a class twice',
      () => ({ ...imageBody(), classes: ['cat', 'dog', 'cat'] }),
      400,
      'bad_request',
      'classes: expected each class once, got "cat" twice',
    ],
    [
      'signs that are not base64',
      () => ({ images: [imageBody().images[0]!.replace(/.{40}/, '$&!?')] }),
      400,
      'bad_request',
      'images[0]: expected an image in base64, got "!" inside it',
    ],
    [
      'an end inside base64',
      () => ({ images: [imageBody().images[0]!.replace(/.{40}/, '$&=')] }),
      400,
      'bad_request',
      'images[0]: expected an image in base64, got "=',
    ],
    ['an address', { images: ['http://x/y.png'] }, 400, 'bad_request', 'addresses are not fetched'],
    [
      'a drawing in SVG',
      { images: [btoa('<svg xmlns="http://www.w3.org/2000/svg"/>')] },
      415,
      'unsupported_image',
      'images[0]',
    ],
    [
      'an image cut off',
      () => ({ images: [png.subarray(0, 60).toString('base64')] }),
      400,
      'unreadable_image',
      'images[0]: expected an image that is whole, got one that is damaged',
    ],
    ['too many images', () => ({ images: Array(5).fill(imageBody().images[0]) }), 400, 'bad_request', 'at most 4'],
    [
      'a model that is not there',
      () => ({ ...imageBody(), model: 'nobody' }),
      404,
      'unknown_model',
      'small, both, remote',
    ],
    [
      'an unknown field',
      () => ({ ...imageBody(), clases: ['a'] }),
      400,
      'bad_request',
      'unknown field clases; did you mean classes?',
    ],
    [
      'a threshold that is none',
      () => ({ ...imageBody(), model: 'both', threshold: 'x' }),
      400,
      'bad_request',
      'threshold: expected number or array, got "x"',
    ],
    [
      'a list with one that is none',
      () => ({ ...imageBody(), model: 'both', threshold: [0.5, 'x'] }),
      400,
      'bad_request',
      'threshold[1]: expected number, got "x"',
    ],
    ['a threshold of 1.5', () => ({ ...imageBody(), model: 'both', threshold: 1.5 }), 400, 'bad_request', 'got 1.5'],
    ['a threshold for a model', () => ({ ...imageBody(), threshold: 0.5 }), 400, 'bad_request', 'not a cascade'],
    [
      'too many texts',
      () => ({ ...imageBody(), classes: Array.from({ length: 2000 }, (_, i) => `x${i}`), templates: ['{}', 'a {}'] }),
      400,
      'bad_request',
      'at most 2048',
    ],
    [
      'a template without a place',
      () => ({ ...imageBody(), classes, templates: ['x'] }),
      400,
      'bad_request',
      'templates[0]',
    ],
  ] as const)('says what is wrong with %s', async (_, body, status, code, message) => {
    const answer = await post('/v1/classify', typeof body === 'function' ? body() : body);
    expect(answer).toMatchObject({ status, json: { error: { code, message: expect.stringContaining(message) } } });
    expect(JSON.stringify(answer.json)).not.toMatch(/[/\\](dist|src|node_modules|tmp)[/\\]|\bat .*:\d+/);
  });

  it('refuses another content type, another host and an unknown address', async () => {
    expect((await post('/v1/classify', 'x', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post('/v1/nothing', {})).json.error.code).toBe('not_found');
    const status = await new Promise<number | undefined>((resolve) => {
      request(`${server.url}/healthz`, { headers: { host: 'evil.example' } }, (r) =>
        resolve(r.resume().statusCode),
      ).end();
    });
    expect(status).toBe(403);
  });

  it('refuses 100 MB at once, and as they come, without holding them', async () => {
    const before = process.memoryUsage().rss;
    for (const declared of [true, false]) {
      const size = 100 * 2 ** 20;
      const headers = { 'content-type': 'application/json', ...(declared && { 'content-length': size }) };
      const { status } = await new Promise<{ status?: number }>((resolve) => {
        const upload: ClientRequest = request(`${server.url}/v1/embed`, { method: 'POST', headers }, (answer) => {
          resolve({ status: answer.statusCode });
          answer.resume();
          upload.destroy();
        });
        upload.on('error', () => {});
        const chunk = Buffer.alloc(2 ** 20);
        let sent = 0;
        const send = () => {
          while (!upload.destroyed && sent++ < 100) if (!upload.write(chunk)) return upload.once('drain', send);
        };
        send();
      });
      expect(status).toBe(413);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(80 * 2 ** 20);
  });

  it('refuses an image bomb by its header', async () => {
    const bomb = whitePng(20_000);
    expect(bomb.length).toBeLessThan(2 ** 19);
    const { status, json } = await post('/v1/embed', { images: [bomb.toString('base64')] });
    expect([status, json.error.code]).toEqual([400, 'unreadable_image']);
    expect(json.error.message).toContain('at most 1 million pixels');
  });

  it.each([
    ['cut off in a file', '--b\r\ncontent-disposition: form-data; name="images"; filename="a"\r\n\r\n\x89PNG'],
    ['cut off in its head', '--b\r\ncontent-dispo'],
    ['without an end', '--b\r\ncontent-disposition: form-data; name="top"\r\n\r\n3'],
  ])('refuses a form %s', async (_, text) => {
    const { status, json } = await post('/v1/classify', text, { 'content-type': 'multipart/form-data; boundary=b' });
    expect([status, json.error.code]).toEqual([400, 'bad_request']);
  });

  it('closes connections that trickle', async () => {
    const trickle = (head: string) =>
      new Promise<string>((resolve) => {
        const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
        let got = '';
        const timer = setInterval(() => socket.write('x'), 200);
        socket.on('data', (data) => {
          got += data;
        });
        socket.on('error', () => {});
        socket.on('close', () => {
          clearInterval(timer);
          resolve(got);
        });
        socket.write(head);
      });
    const body =
      'POST /v1/embed HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{';
    const [slowHead, slowBody] = await Promise.all([
      trickle('GET / HTTP/1.1\r\nhost: localhost\r\nx: '),
      trickle(body),
    ]);
    expect(slowHead).toContain('408');
    expect(slowBody).toMatch(/^HTTP\/1.1 408.*"slow_body"/s);
  });

  it('is kept from nobody by clients that say they will send much, or fill the room and wait', async () => {
    const upload = (size: number) => {
      const headers = { 'content-type': 'application/json', 'content-length': 2 ** 20 };
      const client = request(`${server.url}/v1/embed`, { method: 'POST', headers });
      client.on('error', () => {});
      client.write(Buffer.alloc(size, ' '));
      return {
        client,
        answer: new Promise<number | undefined>((got) => client.on('response', (r) => got(r.statusCode))),
      };
    };
    const waiting = Array.from({ length: 20 }, () => upload(1));
    await expect
      .poll(async () => (await fetch(`${server.url}/metrics`)).text())
      .toContain('promptkd_requests_in_flight 20\n');
    expect((await post('/v1/embed', imageBody())).status).toBe(200);
    const full = upload(2 ** 20 - 30);
    const next = upload(2 ** 20 - 30);
    expect(await Promise.race([full.answer, next.answer])).toBe(429);
    expect((await post('/v1/embed', imageBody())).status).toBe(200);
    for (const { client } of [...waiting, full, next]) client.destroy();
  });

  it('goes on after a hundred clients that hang up', async () => {
    const body = JSON.stringify(imageBody());
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => {
        const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
        const client = request(`${server.url}/v1/embed`, { method: 'POST', headers });
        client.on('error', () => {});
        // Some go in the middle of their request, some while they wait for the answer.
        if (i % 2) client.end(body);
        else client.write(body.slice(0, 50));
        return new Promise<void>((gone) => {
          setTimeout(() => {
            client.destroy();
            gone();
          }, i % 10);
        });
      }),
    );
    expect((await post('/v1/embed', imageBody())).status).toBe(200);
    await expect
      .poll(async () => (await fetch(`${server.url}/metrics`)).text(), { timeout: 10_000 })
      .toContain('promptkd_requests_in_flight 0');
  });
});

describe('a busy server', () => {
  it('refuses what does not fit into its queue, and says when to come back', async () => {
    const small = await ModelServer.start(
      { models: [path('small')], port: 0, threads: 1, maxQueue: 2, maxBatch: 1 },
      log,
    );
    try {
      const answers = await Promise.all(Array.from({ length: 40 }, () => post('/v1/embed', imageBody(), {}, small)));
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused.length).toBeGreaterThan(0);
      expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(answers.filter(({ status }) => status === 200).length).toBe(40 - refused.length);
    } finally {
      await small.stop();
    }
  });

  it('asks for a key, reloads without dropping a request, and finishes what it accepted when it stops', async () => {
    const own = await ModelServer.start({ models: [`m=${path('small')}`], port: 0, threads: 1, keys: [key] }, log);
    const ask = (given = key) => post('/v1/embed', imageBody(), { authorization: `Bearer ${given}` }, own);
    const wrong = await ask(`${key}x`);
    expect([wrong.status, wrong.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect((await post('/v1/embed', imageBody(), {}, own)).status).toBe(401);
    expect((await fetch(`${own.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${own.url}/healthz`)).status).toBe(200);

    let reloading = true;
    const reload = own.reload().finally(() => {
      reloading = false;
    });
    const seen: number[] = [];
    while (reloading) seen.push((await ask()).status);
    await reload;
    expect(new Set([...seen, (await ask()).status])).toEqual(new Set([200]));

    const last = Array.from({ length: 20 }, () => ask());
    await expect.poll(() => fetch(`${own.url}/healthz`).then((r) => r.status)).toBe(200);
    const stopped = own.stop();
    const ends = await Promise.all(last.map((one) => one.then(({ status }) => status)));
    expect(ends.filter((status) => status !== 200)).toEqual([]);
    await stopped;
    await expect(fetch(`${own.url}/healthz`)).rejects.toThrow();
  });

  it.each<[Partial<serve.ServerOptions>, string]>([
    [{ host: '' }, '--host: expected an address or a name, got ""'],
    [{ host: '0.0.0.0' }, '--host 0.0.0.0: expected bearer keys, since others can reach it'],
    [{ host: '::', keys: [] }, '--host ::: expected bearer keys'],
    [{ host: '0.0.0.0', keys: [key], withoutKeys: true }, '--without-keys: expected no bearer keys, got some'],
    [{ graceMs: 3e9 }, '--grace: expected 0 to 2147483 s, got 3000000 s'],
    [{ maxWaitMs: 3e9 }, '--max-wait: expected 0 to 2147483647 ms, got 3000000000 ms'],
    [{ headersTimeoutMs: -1 }, 'headersTimeoutMs: expected 0 to 2147483647 ms, got -1 ms'],
    [{ port: 70_000 }, '--port: expected a whole number from 0 to 65535, got 70000'],
  ])('does not start with %j', async (options, message) => {
    const start = ModelServer.start({ models: [path('small')], port: 0, ...options }, log);
    await expect(start).rejects.toMatchObject({ name: 'UserError', message: expect.stringContaining(message) });
  });

  it('listens to others with keys, or where it is told that anyone may ask', async () => {
    for (const options of [{ keys: [key] }, { withoutKeys: true }]) {
      // The cascade is missing: that is noticed after the server listens.
      const start = ModelServer.start({ models: [path('nothing.json')], port: 0, host: '0.0.0.0', ...options }, log);
      await expect(start).rejects.toThrow('nothing.json: no such file');
    }
  });

  it('names what it cannot serve', async () => {
    const start = (models: string[]) => ModelServer.start({ models, port: 0 }, log);
    await expect(start([path('nothing')])).rejects.toThrow('nothing: expected the folder of a CLIP checkpoint');
    await expect(start([path('small'), path('small')])).rejects.toThrow('expected each name once, got small twice');
    await expect(start([])).rejects.toThrow('models: expected at least one');
  });
});
