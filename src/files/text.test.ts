import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { UserError } from '../errors.js';
import {
  parseJson,
  readJson,
  readJsonAs,
  readJsonAsSync,
  readLines,
  readNpy,
  readSafetensors,
  readSafetensorsHeader,
  readText,
} from './index.js';

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-text-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe.each([
  ['readText', readText],
  ['readJson', readJson],
  ['readJsonAs', (path: string) => readJsonAs(path, z.object({}))],
  ['readJsonAsSync', async (path: string) => readJsonAsSync(path, z.object({}))],
  ['readLines', readLines],
  ['readNpy', readNpy],
  ['readSafetensors', async (path: string) => readSafetensors(path)],
  ['readSafetensorsHeader', async (path: string) => readSafetensorsHeader(path)],
])('%s', (name, read) => {
  it('names a file that cannot be read, and why', async () => {
    await mkdir(at('folder'));
    await writeFile(at('file'), '');
    await symlink(at('loop'), at('loop'));
    const long = at('x'.repeat(300));
    for (const [path, reason] of [
      ...(name === 'readLines' ? [] : [[at('none'), 'no such file or folder'] as const]),
      [at('folder'), 'expected a file, got a folder'],
      [join(at('file'), 'x'), 'expected a folder, got a file'],
      [at('loop'), 'too many links that lead to each other'],
      [long, 'the name is too long'],
      [at('a\0b'), 'the name holds a null character'],
    ] as const) {
      const failed = read(path);
      await expect(failed, path).rejects.toBeInstanceOf(UserError);
      await expect(failed).rejects.toThrow(`${path}: ${reason}`);
    }
  });
});

describe('parseJson', () => {
  const nested = (levels: number) => `${'[{"a]":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`;

  it('takes what is there, with a byte order mark before it', async () => {
    await writeFile(at('a.json'), '\uFEFF{"a": ["\\"[[", "\\\\"]}');
    await chmod(at('a.json'), 0o400);
    expect(await readJson(at('a.json'))).toEqual({ a: ['"[[', '\\'] });
    expect(parseJson(nested(200), 'x')).toBeInstanceOf(Array);
  });

  it.each([
    ['{', 'x: expected JSON: '],
    ['"', 'x: expected JSON: '],
    [nested(202), 'x: expected at most 200 levels of lists and objects'],
    ['['.repeat(1e6), 'x: expected at most 200 levels of lists and objects'],
  ])('refuses %.20s', (text, message) => {
    expect(() => parseJson(text, 'x')).toThrow(UserError);
    expect(() => parseJson(text, 'x')).toThrow(message);
  });
});
