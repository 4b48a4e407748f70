import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import {
  checkWritable,
  ensureFolder,
  fileList,
  fillFolder,
  finishFolder,
  temporaryPath,
  writeFileAtomic,
} from './index.js';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-room-'));
  await writeFile(at('file'), 'old');
});
afterEach(() => rm(folder, { recursive: true }));

it('makes none of many folders for a path that is too long', async () => {
  await expect(checkWritable(at('d/'.repeat(3000), 'x'))).rejects.toThrow('the name is too long');
  await expect(ensureFolder(at('new', 'n'.repeat(300)))).rejects.toThrow('the name is too long');
  expect(await readdir(folder)).toEqual(['file']);
});

describe.each([
  ['checkWritable', (path: string) => checkWritable(path)],
  ['writeFileAtomic', (path: string) => writeFileAtomic(path, 'new')],
])('%s', (_, attempt) => {
  it.skipIf(process.platform === 'win32')('does not take the place of a pipe, a socket or a device', async () => {
    const server = createServer().listen(at('socket'));
    await once(server, 'listening');
    // Not /dev/null itself: who may do anything would lose it where this fails.
    await symlink('socket', at('link'));
    for (const name of ['socket', 'link']) {
      await expect(attempt(at(name))).rejects.toThrow(`${name}: cannot be written: expected a file, or nothing yet`);
      expect((await stat(at(name))).isSocket()).toBe(true);
    }
    server.close();
  });

  it('names the file that cannot be written, not what stands in for it', async () => {
    await mkdir(at('folder'));
    for (const [path, reason] of [
      ...(existsSync('/proc/self') ? [['/proc/promptkd/x', 'no such file or folder'] as const] : []),
      [at('file', 'x', 'y.json'), 'expected a folder, got a file'],
      [at('folder'), 'expected a file, got a folder'],
    ] as const) {
      const failed = attempt(path);
      await expect(failed).rejects.toThrow(`${path}: cannot be written: ${reason}`);
      await expect(failed).rejects.toBeInstanceOf(UserError);
    }
    expect((await readdir(folder)).sort()).toEqual(['file', 'folder']);
  });
});

it('checkWritable leaves nothing, and what is there as it is', async () => {
  await checkWritable(at('file'), at('a', 'b', 'c.json'));
  expect(await readdir(folder)).toEqual(['file']);
  expect(await readFile(at('file'), 'utf8')).toBe('old');
});

/** An id that no process has: above the most that Linux gives. */
const gone = 2 ** 22 + 1;

describe.each([
  ['writeFileAtomic', () => writeFileAtomic(at('x.json'), 'new')],
  [
    'fillFolder',
    () =>
      fillFolder(folder, [], async (unfinished) => {
        await writeFile(join(unfinished, 'x.json'), 'new');
        return { files: ['x.json'] };
      }),
  ],
])('%s after writes that were killed', (_, write) => {
  const lay = async (name: string, age = 0) => {
    await mkdir(at(name));
    await writeFile(at(name, 'part'), 'half');
    const time = new Date(Date.now() - age);
    await utimes(at(name), time, time);
  };
  /** What a process would leave of `y.json`. */
  const leftover = (pid: number) => basename(temporaryPath(at('y.json'))).replace(`-${process.pid}.`, `-${pid}.`);
  const elsewhere = () => leftover(gone).replace(/\.[0-9a-f]{8}-/, '.0123abcd-');

  it('removes at once what processes of this machine left, after a day of another, and nothing else', async () => {
    const [dead, before, away] = [leftover(gone), leftover(process.pid), elsewhere()];
    const [running, own, young] = [leftover(process.ppid), leftover(process.pid), elsewhere()];
    const strangers = [`${dead}.mine`, `x${dead}`, '.unfinished-draft', '.x.json.tmp', '.x.json.123.0123abcd.tmp'];
    for (const name of [dead, running, own, young, ...strangers]) await lay(name);
    await lay(away, 25 * 3600 * 1000);
    await lay(before, 25 * 3600 * 1000); // the id was given again
    await write();
    const found = (await readdir(folder)).filter((name) => name !== fileList);
    expect(found.sort()).toEqual(['file', 'x.json', running, own, young, ...strangers].sort());
  });
});

describe('ensureFolder', () => {
  it('makes what is missing, and is content with what is there', async () => {
    for (let round = 0; round < 2; round++) await ensureFolder(at('a', 'b'));
    expect(await readdir(at('a'))).toEqual(['b']);
  });

  it.each([
    ['/proc/promptkd/x', 'no such file or folder'],
    ['file', 'expected a folder, got a file'],
    ['file/x', 'expected a folder, got a file'],
  ])('names %s that cannot be made', async (name, reason) => {
    const path = name.startsWith('/') ? name : at(name);
    if (name.startsWith('/proc') && !existsSync('/proc/self')) return;
    await expect(ensureFolder(path)).rejects.toThrow(new UserError(`${path}: cannot be written: ${reason}`));
  });
});

describe('fillFolder', () => {
  it('moves files in when all are made, in place of those it is told', async () => {
    await writeFile(at('gone'), '');
    await writeFile(at('kept'), '');
    await fillFolder(folder, ['gone'], async (unfinished) => {
      await writeFileAtomic(join(unfinished, 'sub', 'new'), 'new');
      await writeFileAtomic(join(unfinished, 'file'), 'new');
      expect(await readFile(at('file'), 'utf8')).toBe('old');
      return { files: [join('sub', 'new'), 'file'] };
    });
    expect((await readdir(folder)).sort()).toEqual([fileList, 'file', 'kept', 'sub']);
    expect(await readFile(at('file'), 'utf8')).toBe('new');
  });

  it('leaves nothing where its work fails', async () => {
    const failing = fillFolder(at('a', 'b'), [], async (unfinished) => {
      await writeFile(join(unfinished, 'part'), '');
      throw new Error('no more');
    });
    await expect(failing).rejects.toThrow('no more');
    expect(await readdir(folder)).toEqual(['file']);
  });

  it.each([
    ['before', []],
    ['while', ['a', 'b']],
    ['after', ['a', 'b', 'c']],
  ])('is ended by the next where it was killed %s it moved files', async (_, moved) => {
    for (const name of ['a', 'b', 'c', 'gone']) await writeFile(at(name), 'old');
    // The folder as a process that was killed leaves it: its own is moved under the name of one that is gone.
    let left = '';
    await fillFolder(folder, ['gone', 'b'], async (unfinished) => {
      for (const name of ['a', 'b', 'c']) await writeFile(join(unfinished, name), 'new');
      await writeFile(
        join(unfinished, '.plan.json'),
        JSON.stringify({ files: ['a', 'b', 'c'], replaced: ['gone', 'b'] }),
      );
      left = unfinished.replace(`-${process.pid}.`, `-${gone}.`);
      await cp(unfinished, left, { recursive: true });
      throw new Error('killed');
    }).catch(() => {});
    for (const name of moved) await rename(join(left, name), at(name));
    await finishFolder(folder);
    expect((await readdir(folder)).sort()).toEqual(['a', 'b', 'c', 'file']);
    for (const name of ['a', 'b', 'c']) expect(await readFile(at(name), 'utf8')).toBe('new');
  });

  it('moves nothing out of a folder, or over what is beside it, for the plan of a stranger', async () => {
    await mkdir(at('model'));
    for (const plan of [
      { files: ['../file'], replaced: [] },
      { files: ['x'], replaced: ['../file'] },
      { files: [at('file')], replaced: [] },
    ]) {
      const left = temporaryPath(at('model', 'unfinished')).replace(`-${process.pid}.`, `-${gone}.`);
      await mkdir(left);
      await writeFile(join(left, 'x'), 'new');
      await writeFile(join(left, '.plan.json'), JSON.stringify(plan));
      await finishFolder(at('model'));
      expect(await readFile(at('file'), 'utf8')).toBe('old');
    }
  });

  it('does not begin where it cannot end', async () => {
    const filling = fillFolder(at('file', 'x'), [], () => Promise.reject(new Error('began')));
    await expect(filling).rejects.toThrow(`${at('file', 'x')}: cannot be written: expected a folder, got a file`);
  });
});
