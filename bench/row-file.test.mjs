import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { RowFile } from './row-file.mjs';

const root = mkdtempSync(join(tmpdir(), 'promptkd-rows-'));
afterAll(() => rmSync(root, { recursive: true }));

it('measures each row once, also by a later process, and one again whose line was cut off', async () => {
  const path = join(root, 'deep', 'rows.jsonl');
  let measured = 0;
  const measure = async () => ({ top1: ++measured });
  expect(await new RowFile(path).measured('a', measure)).toMatchObject({ key: 'a', top1: 1, seconds: 0 });
  appendFileSync(path, '{"key":"b","top');
  const later = new RowFile(path);
  expect(later.of('b')).toBeUndefined();
  expect((await later.measured('a', measure)).top1).toBe(1);
  await later.measured('b', measure);
  expect(new RowFile(path).rows.map(({ key, top1 }) => [key, top1])).toEqual([
    ['a', 1],
    ['b', 2],
  ]);
  await expect(later.measured('c', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(new RowFile(path).of('c')).toBeUndefined();
});
