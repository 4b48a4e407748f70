import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../errors.js';
import { temporaryPath } from '../../files/index.js';
import { parseClipConfig } from '../config.js';
import { clipPreprocess } from '../preprocess/preprocess-config.js';
import { trainTokenizer } from '../tokenizer/bpe-trainer.js';
import { tokenizerFromJson, withTokenizer } from '../tokenizer/tokenizer.js';
import { initClip } from '../towers/initialise.js';

import { loadCheckpoint, saveCheckpoint } from './checkpoint.js';
import { digest, type FakeHub, fakeHub, sha } from './hub.fixture.js';
import { resolveCheckpoint } from './hub.js';

const built = new URL('../../../dist/clip/index.js', import.meta.url).href;
const id = 'someone/tiny-clip';
const tower = { hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2 };
const tokenizer = tokenizerFromJson(trainTokenizer(['a small drawing of a fox'], 516));
const config = withTokenizer(
  parseClipConfig({
    projection_dim: 4,
    text_config: { ...tower, max_position_embeddings: 12 },
    vision_config: { ...tower, image_size: 16, patch_size: 8 },
  }),
  tokenizer,
);
const params = initClip(config, 1);

let root = '';
let hub: FakeHub;
let files: Record<string, Buffer>;
const cache = (...path: string[]) => join(root, 'home', 'hub', 'models--someone--tiny-clip', ...path);

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-hub-'));
  const model = join(root, 'model');
  await saveCheckpoint(model, { config, params, preprocess: clipPreprocess(16), tokenizer });
  const names = await readdir(model);
  files = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(model, name))])));
  files['README.md'] = Buffer.from('# Tiny');
  files['pytorch_model.bin'] = Buffer.alloc(2000);
  files['onnx/vision_model.onnx'] = Buffer.alloc(10);
  hub = await fakeHub(id, files);
  vi.stubEnv('HF_ENDPOINT', hub.url);
  vi.stubEnv('HF_HOME', join(root, 'home'));
  for (const name of ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_TOKEN', 'HF_HUB_OFFLINE']) vi.stubEnv(name, '');
  delete process.env.HF_HUB_CACHE;
  delete process.env.HUGGINGFACE_HUB_CACHE;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.close();
  await rm(root, { recursive: true });
});

/** Files whose bytes were asked for, not only their size. */
const fetched = () =>
  hub.requests
    .filter((line) => line.includes('/resolve/') && !line.endsWith('bytes=0-0'))
    .map((line) => line.split(`${sha}/`)[1]);

describe('a hub id', () => {
  it('is fetched into the usual cache, only what is needed, and read as the folder it came from', async () => {
    const seen: number[] = [];
    const read = await loadCheckpoint(id, {
      onDownload: ({ done, total }) => seen.push(done / total),
    });
    expect(read.params).toEqual(params);
    expect(fetched().sort()).toEqual([
      'config.json',
      'model.safetensors',
      'preprocessor_config.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(await readFile(cache('refs', 'main'), 'utf8')).toBe(sha);
    for (const name of ['model.safetensors', 'preprocessor_config.json']) {
      const blob = join('..', '..', 'blobs', digest(files[name]!).oid);
      expect(await readlink(cache('snapshots', sha, name))).toBe(blob);
    }
    expect(await resolveCheckpoint(id)).toBe(cache('snapshots', sha));
    expect(fetched()).toHaveLength(5);
  });

  it('takes the weights in shards', async () => {
    const { 'model.safetensors': whole, ...rest } = files;
    await hub.close();
    const shards = { 'model-00001-of-00002.safetensors': whole!, 'model-00002-of-00002.safetensors': Buffer.alloc(9) };
    hub = await fakeHub(id, { ...rest, ...shards, 'model.safetensors.index.json': Buffer.from('{}') });
    vi.stubEnv('HF_ENDPOINT', `${hub.url}/`);
    const folder = await resolveCheckpoint(id);
    for (const name of ['model.safetensors.index.json', ...Object.keys(shards)])
      expect(existsSync(join(folder, name)), name).toBe(true);
  });

  it('goes on where a download broke off', async () => {
    hub.cut.set('model.safetensors', 1500);
    const size = files['model.safetensors']!.length;
    await expect(resolveCheckpoint(id)).rejects.toThrow(
      new RegExp(
        `^someone/tiny-clip/model.safetensors: the download broke off at 1500 of ${size} bytes .*run it again`,
      ),
    );
    expect(existsSync(cache('refs', 'main'))).toBe(false);
    hub.requests.length = 0;
    expect((await loadCheckpoint(id)).params).toEqual(params);
    expect(fetched()).toContain(`model.safetensors bytes=1500-${size - 1}`);
    expect(fetched()).not.toContain('model.safetensors');
    expect(fetched()).not.toContain('config.json');
  });

  it('is fetched once where several want it at the same time, also in processes of their own', async () => {
    hub.slow = 20;
    const script = `import { resolveCheckpoint } from ${JSON.stringify(built)}; console.log(await resolveCheckpoint('${id}'));`;
    const other = () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env } });
    const [own, again, ...others] = await Promise.all([resolveCheckpoint(id), resolveCheckpoint(id), other(), other()]);
    for (const { stdout } of others) expect(stdout.trim()).toBe(own);
    expect(again).toBe(own);
    expect(fetched()).toHaveLength(5);
    const blobs = await readdir(cache('blobs'));
    expect(blobs.every((name) => /^[0-9a-f]{40,64}$/.test(name))).toBe(true);
    expect((await loadCheckpoint(id)).params).toEqual(params);
  });

  it('goes on with what a process left that was killed', async () => {
    const whole = files['model.safetensors']!;
    const blob = cache('blobs', digest(whole).oid);
    await mkdir(cache('blobs'), { recursive: true });
    const left = temporaryPath(blob).replace(`-${process.pid}.`, `-${2 ** 22 + 1}.`);
    await writeFile(left, whole.subarray(0, 1200));
    expect((await loadCheckpoint(id)).params).toEqual(params);
    expect(fetched()).toContain(`model.safetensors bytes=1200-${whole.length - 1}`);
    expect(existsSync(left)).toBe(false);
  });

  it('has no use for a blob of another length', async () => {
    const whole = files['model.safetensors']!;
    await mkdir(cache('blobs'), { recursive: true });
    await writeFile(cache('blobs', digest(whole).oid), Buffer.concat([whole, whole]));
    expect((await loadCheckpoint(id)).params).toEqual(params);
  });

  it.each<[string, (listing: FakeHub) => void, RegExp]>([
    [
      'a checksum',
      (h) => h.listed.set('config.json', { oid: '../../config.json' }),
      /oid: .*"\.\.\/\.\.\/config.json"$/,
    ],
    ['a checksum of LFS', (h) => h.listed.set('model.safetensors', { lfs: { oid: '/etc/passwd' } }), /lfs\.oid: /],
    [
      'a path',
      (h) => h.listed.set('config.json', { path: 'onnx/../../../config.json' }),
      /path: expected: a path within/,
    ],
    ['a size', (h) => h.listed.set('config.json', { size: -1 }), /size: expected at least 0, got -1/],
    ['a revision', (h) => h.listed.set('revision', { sha: '../../..' }), /revision: .*got "\.\.\/\.\.\/\.\."/],
  ])('is refused where the hub gives %s that would lead elsewhere', async (_, change, message) => {
    change(hub);
    const attempt = resolveCheckpoint(id);
    await expect(attempt).rejects.toThrow(UserError);
    await expect(attempt).rejects.toThrow(message);
    expect(existsSync(cache('snapshots'))).toBe(false);
  });

  it('is not followed out of the cache where its ref was changed', async () => {
    await resolveCheckpoint(id);
    await writeFile(cache('refs', 'main'), '../../../../..');
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await expect(resolveCheckpoint(id)).rejects.toThrow(`${cache('refs', 'main')}: revision: expected`);
  });

  it('that sends more than it said is cut off', async () => {
    hub.sent.set('config.json', Buffer.concat([files['config.json']!, Buffer.alloc(1000)]));
    await expect(resolveCheckpoint(id)).rejects.toThrow(
      /config.json: the download broke off .*sends more than it said/,
    );
  });

  it.each(['model.safetensors', 'preprocessor_config.json'])(
    'is refused where the checksum of %s differs',
    async (name) => {
      const damaged = Buffer.from(files[name]!);
      damaged[damaged.length - 1]! ^= 1;
      hub.sent.set(name, damaged);
      await expect(resolveCheckpoint(id)).rejects.toThrow(
        `${id}/${name}: expected the checksum ${digest(files[name]!).oid}, got ${digest(damaged).oid}: the download is damaged`,
      );
      expect((await readdir(cache('blobs'))).filter((blob) => blob.startsWith(digest(files[name]!).oid))).toEqual([]);
      hub.sent.clear();
      expect((await loadCheckpoint(id)).params).toEqual(params);
    },
  );

  it('that the hub does not know gets one sentence', async () => {
    await expect(resolveCheckpoint('someone/else')).rejects.toThrow(
      `someone/else: no such folder, and ${hub.url} shows no model of that name (404)`,
    );
  });

  it('without safetensors is refused before anything is fetched', async () => {
    await hub.close();
    hub = await fakeHub(id, { 'config.json': files['config.json']!, 'pytorch_model.bin': Buffer.alloc(2000) });
    vi.stubEnv('HF_ENDPOINT', hub.url);
    await expect(resolveCheckpoint(id)).rejects.toThrow(/got pytorch_model.bin: convert it in Python/);
    expect(fetched()).toEqual([]);
  });

  it('is fetched by the proxy that the environment names, which a failure names too', async () => {
    const asked: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, client, head) => {
      asked.push(request.url!);
      const server = connect(Number(new URL(hub.url).port), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        server.write(head);
        server.pipe(client).pipe(server);
      });
      for (const end of [server, client]) end.on('error', () => {});
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    for (const name of ['http_proxy', 'https_proxy', 'no_proxy', 'HTTPS_PROXY', 'NO_PROXY']) vi.stubEnv(name, '');
    vi.stubEnv('HTTP_PROXY', `http://user:secret@127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    // A name that nothing but the proxy resolves.
    vi.stubEnv('HF_ENDPOINT', 'http://hub.invalid');
    expect((await loadCheckpoint(id)).params).toEqual(params);
    expect(asked).toContain('hub.invalid:80');
    proxy.close();
    proxy.closeAllConnections();
    await hub.close();
    vi.stubEnv('HF_HOME', join(root, 'elsewhere'));
    await expect(resolveCheckpoint(id)).rejects.toThrow('http://hub.invalid cannot be reached by the proxy 127.0.0.1:');
  });

  it('says so where the hub or the token is none', async () => {
    vi.stubEnv('HF_ENDPOINT', `${hub.url}/portal`);
    hub.sent.set('portal', Buffer.from('<html>'));
    await expect(resolveCheckpoint(id)).rejects.toThrow(/portal did not answer as a hub does/);
    vi.stubEnv('HF_TOKEN', 'secret');
    await expect(resolveCheckpoint(id)).rejects.toThrow('HF_TOKEN: expected a token that starts with hf_');
  });

  it('works offline from the cache, and says so where it is not there', async () => {
    await resolveCheckpoint(id);
    await hub.close();
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect((await loadCheckpoint(id)).params).toEqual(params);
    await expect(resolveCheckpoint('someone/else')).rejects.toThrow(/HF_HUB_OFFLINE is set while .* holds no snapshot/);
  });

  it('without network gets one sentence', async () => {
    await hub.close();
    const attempt = resolveCheckpoint(id);
    await expect(attempt).rejects.toThrow(UserError);
    await expect(attempt).rejects.toThrow(
      `${id}: no such folder, and no model of that name can be fetched (${hub.url} cannot be reached: ECONNREFUSED)`,
    );
  });

  it('is a folder where there is one of that name', async () => {
    await mkdir(join(root, 'some', 'model'), { recursive: true });
    await writeFile(join(root, 'some', 'model', 'config.json'), '{}');
    expect(await resolveCheckpoint(join(root, 'some', 'model'))).toBe(join(root, 'some', 'model'));
    expect(hub.requests).toEqual([]);
  });
});
