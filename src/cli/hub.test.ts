import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { type FakeHub, fakeHub } from '../clip/checkpoint/hub.fixture.js';
import { teacher } from '../test/colours.fixture.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let root = '';
let hub: FakeHub;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-hub-cli-'));
  const model = join(root, 'model');
  await saveCheckpoint(model, teacher);
  const files = await Promise.all(
    (await readdir(model)).map(async (name) => [name, await readFile(join(model, name))] as const),
  );
  hub = await fakeHub('someone/colours', Object.fromEntries(files));
  for (const [name, background] of [
    ['red', '#e61e1e'],
    ['blue', '#1e3cdc'],
  ] as const) {
    await mkdir(join(root, 'images', name), { recursive: true });
    for (let i = 0; i < 4; i++) {
      const image = sharp({ create: { width: 20 + i, height: 20, channels: 3, background } });
      await image.png().toFile(join(root, 'images', name, `${i}.png`));
    }
  }
});
afterAll(async () => {
  await hub.close();
  await rm(root, { recursive: true });
});

/** Not spawnSync: the hub answers in this process. */
function promptkd(args: readonly string[], env: object): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env: { ...process.env, ...env } }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

describe('a hub id on the command line', () => {
  it('is fetched with progress, measured like its folder, and measured again offline', async () => {
    const measure = async (model: string, env: object) => {
      const data = `folder:${join(root, 'images')}`;
      const { code, out, err } = await promptkd(
        ['evaluate', model, '--data', data, '--split', 'train', '--latency-runs', '0', '--json'],
        { HF_HUB_CACHE: join(root, 'cache'), HF_HUB_OFFLINE: '', HF_TOKEN: '', ...env },
      );
      expect([code, err]).toEqual([0, expect.any(String)]);
      const { model: name, ...figures } = JSON.parse(out) as Record<string, unknown>;
      expect(name).toBe(model);
      return { figures, err };
    };
    const folder = await measure(join(root, 'model'), {});
    const fetched = await measure('someone/colours', { HF_ENDPOINT: hub.url });
    expect(fetched.err).toContain('"phase":"fetching someone/colours (MB)"');
    expect(fetched.figures).toEqual(folder.figures);
    const before = hub.requests.length;
    const offline = await measure('someone/colours', { HF_HUB_OFFLINE: '1', HF_ENDPOINT: hub.url });
    expect(offline.figures).toEqual(folder.figures);
    expect(hub.requests).toHaveLength(before);
  });

  it('says which file is damaged, and exits with code 2', async () => {
    hub.sent.set('config.json', Buffer.alloc((await readFile(join(root, 'model', 'config.json'))).length));
    const { code, out, err } = await promptkd(['distill', '--teacher', 'someone/colours', '--out', join(root, 'run')], {
      ...{ HF_HUB_CACHE: join(root, 'empty'), HF_HUB_OFFLINE: '', HF_TOKEN: '', HF_ENDPOINT: hub.url },
    });
    hub.sent.clear();
    expect([code, out]).toEqual([2, '']);
    expect(err.trim().split('\n').at(-1)).toMatch(
      /^promptkd: someone\/colours\/config.json: expected the checksum .*; run it again$/,
    );
  });
});
