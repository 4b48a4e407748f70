import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { describeFailure } from './failure.js';

const fault = (code: string, more: object = {}) =>
  Object.assign(new Error(`${code}: as the system says`), { code, ...more });

describe('describeFailure', () => {
  it.each<[unknown, string]>([
    [new UserError('a.json: wrong'), 'a.json: wrong'],
    [fault('EISDIR', { path: 'a' }), 'a: expected a file, got a folder'],
    [fault('ENAMETOOLONG', { path: 'a' }), 'a: the name is too long'],
    [fault('EACCES', { path: 'a' }), 'a: permission denied'],
    [fault('EMFILE'), 'too many open files: allow more with ulimit -n'],
    [fault('ENOSPC', { path: 'a.tmp', dest: 'a' }), 'a: no space left on the disk'],
    [fault('ERR_STRING_TOO_LONG'), 'expected a text of at most 512 MB'],
    [
      new RangeError('Array buffer allocation failed'),
      'not enough memory (Array buffer allocation failed): allow this',
    ],
    [new Error('std::bad_alloc'), 'not enough memory (std::bad_alloc): allow this process more'],
    [new RangeError('Invalid typed array length: 9007199254740991'), 'not enough memory (Invalid typed array length'],
    [fault('ERR_WORKER_OUT_OF_MEMORY'), 'not enough memory (ERR_WORKER_OUT_OF_MEMORY: as the system says)'],
    [fault('ERR_WORKER_INIT_FAILED'), 'the system gives this process no more threads'],
  ])('takes %s for what the user can mend', (error, message) => {
    const { message: said, code } = describeFailure(error, false);
    expect(said.startsWith(message), said).toBe(true);
    expect(code).toBe(2);
  });

  it('takes anything else for a fault of ours', () => {
    expect(describeFailure(new TypeError('x is undefined'), false)).toEqual({
      message: 'unexpected error: x is undefined (set PROMPTKD_DEBUG=1 for the stack)',
      code: 1,
    });
  });

  it.skipIf(process.platform === 'win32').each([40, 128])('says where a process may open %i files', (files) => {
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const command = `ulimit -n ${files}; exec ${JSON.stringify(process.execPath)} ${JSON.stringify(main)} evaluate nothing`;
    const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/^promptkd: .*too many open files: allow more with ulimit -n\n$|^promptkd: nothing: /),
    ]);
  });
});
