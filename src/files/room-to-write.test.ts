import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { checkWritable, ensureFolder, fillFolder, writeFileAtomic } from './index.js';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-room-'));
  await writeFile(at('file'), 'old');
});
afterEach(() => rm(folder, { recursive: true }));

describe.each([
  ['checkWritable', (path: string) => checkWritable(path)],
  ['writeFileAtomic', (path: string) => writeFileAtomic(path, 'new')],
])('%s', (_, attempt) => {
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
const old = new Date(Date.now() - 25 * 3600 * 1000);

describe.each([
  ['writeFileAtomic', `.x.json.${gone}.0123abcd.tmp`, () => writeFileAtomic(at('x.json'), 'new')],
  [
    'fillFolder',
    `.unfinished-${gone}-aB3dE6`,
    () =>
      fillFolder(folder, [], async (unfinished) => {
        await writeFile(join(unfinished, 'x.json'), 'new');
        return { files: ['x.json'] };
      }),
  ],
])('%s after writes that were killed', (_, leftover, write) => {
  const lay = async (name: string, time = old) => {
    await mkdir(at(name));
    await writeFile(at(name, 'part'), 'half');
    await utimes(at(name), time, time);
  };

  it('removes what they left a day ago, and nothing else', async () => {
    const running = leftover.replace(String(gone), String(process.ppid));
    const young = leftover.replace(/.(\.tmp)?$/, 'f$1');
    const strangers = [`.y${leftover}`, `${leftover}.mine`, '.unfinished-draft', '.x.json.tmp', '.x.json.bak'];
    for (const name of [leftover, running, ...strangers]) await lay(name);
    await lay(young, new Date());
    await write();
    expect((await readdir(folder)).sort()).toEqual(['file', 'x.json', running, young, ...strangers].sort());
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
    expect((await readdir(folder)).sort()).toEqual(['file', 'kept', 'sub']);
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

  it('does not begin where it cannot end', async () => {
    const filling = fillFolder(at('file', 'x'), [], () => Promise.reject(new Error('began')));
    await expect(filling).rejects.toThrow(`${at('file', 'x')}: cannot be written: expected a folder, got a file`);
  });
});
