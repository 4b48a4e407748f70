import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lock, lockHolder, temporaryPath } from './index.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-lock-'));
  path = join(folder, 'deep', 'x.lock');
});
afterEach(() => rm(folder, { recursive: true }));

const built = new URL('../../dist/files/index.js', import.meta.url).href;

/** Another process that takes the lock and says so. */
async function holder(): Promise<{ kill: () => Promise<void> }> {
  const script = `import { lock } from ${JSON.stringify(built)};
    await lock(process.argv[1]);
    process.stdout.write('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path]);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return {
    kill: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGKILL');
      }),
  };
}

describe('lock', () => {
  it('is held by one, in turn, and leaves nothing', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      const held = await lock(path);
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside--;
      await held!.release();
    };
    await Promise.all([work(), work(), work()]);
    expect(most).toBe(1);
    expect(await readdir(join(folder, 'deep'))).toEqual([]);
  });

  it('is not free while another process lives, and free when that was killed', async () => {
    const other = await holder();
    expect(await lock(path, { wait: false })).toBeUndefined();
    await expect(lock(path, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: 'TimeoutError' });
    await other.kill();
    const held = await lock(path, { wait: false });
    expect(held).toBeDefined();
    expect(await readdir(join(folder, 'deep'))).toEqual(['x.lock']);
    await held!.release();
  });

  it.each(['', 'null', '5', '{"place":"x","pid":"y"}'])('that holds %j is free once it is old', async (content) => {
    await mkdir(join(folder, 'deep'));
    await writeFile(path, content);
    expect(await lock(path, { wait: false })).toBeUndefined();
    await utimes(path, 0, 0);
    expect(await lockHolder(path)).toBeUndefined();
    await (await lock(path, { wait: false }))!.release();
  });

  it('takes away what a process left that was killed while it took the lock', async () => {
    await mkdir(join(folder, 'deep'));
    const left = temporaryPath(path).replace(`-${process.pid}.`, '-99999999.');
    await writeFile(left, '{}');
    await (await lock(path))!.release();
    expect(await readdir(join(folder, 'deep'))).toEqual([]);
  });

  it('names the file that cannot be made', async () => {
    await writeFile(join(folder, 'deep'), '');
    await expect(lock(path)).rejects.toThrow(`${path}: cannot be written: expected a folder, got a file`);
  });
});
