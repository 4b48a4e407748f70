import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const model = fileURLToPath(new URL('../../models/emoji-student', import.meta.url));
let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

/** `promptkd serve` from the moment that it listens, before its models are there. */
async function starting(): Promise<{ port: number; said: () => string; ended: Promise<unknown[]> }> {
  const port = await freePort();
  let text = '';
  child = spawn(process.execPath, [main, 'serve', model, '--port', String(port)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  const ended = once(child, 'exit');
  await expect.poll(() => listens(port), { timeout: 20_000, interval: 5 }).toBe(true);
  return { port, said: () => text, ended };
}

describe.skipIf(process.platform === 'win32')('promptkd serve while it loads', () => {
  it('keeps a SIGHUP for when it is ready', async () => {
    const { port, said, ended } = await starting();
    child!.kill('SIGHUP');
    await expect.poll(said, { timeout: 30_000 }).toContain('"reloaded"');
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    child!.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  }, 60_000);

  it('ends on SIGTERM when what it began has settled', async () => {
    const { said, ended } = await starting();
    child!.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(said()).toContain('"stopped"');
    expect(said()).not.toContain('"ready"');
  }, 60_000);
});
