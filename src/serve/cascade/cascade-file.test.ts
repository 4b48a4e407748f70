import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import { readCascade, writeCascade } from './index.js';

let folder = '';
const file = () => join(folder, 'cascade.json');
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-cascade-file-'));
});
afterAll(() => rm(folder, { recursive: true }));

const good = { format: 'promptkd-cascade', version: 1, confidence: 'probability' };
const first = { model: './small', threshold: 0.5 };
const last = { model: './large' };
const server = { url: 'https://host:8080' };

describe('a cascade file', () => {
  it('gives back what was written, with folders as seen from it', async () => {
    const stages = [
      { model: folder, temperature: 2, threshold: 0.5 },
      { ...server, temperature: 1, timeout_ms: 500 },
    ];
    await writeCascade(file(), { confidence: 'margin', templates: ['a {}'], stages }, { tuned: 'here' });
    expect(await readCascade(file())).toEqual({ confidence: 'margin', templates: ['a {}'], stages });
  });

  it.each<[unknown, string]>([
    [null, 'content: expected object, got null'],
    [{ ...good, stages: [first, last], template: ['a {}'] }, 'unknown field template; did you mean templates?'],
    [{ ...good, stages: [first, last], version: 2 }, 'version: expected 1, got 2'],
    [{ ...good, stages: [first] }, 'stages: expected at least two, got [{"model":"./small","threshold":0.5}]'],
    [
      { ...good, stages: [first, last], templates: ['a {}', 'no place'] },
      'templates.1: expected {} or [OBJ] where the class name stands, got "no place"',
    ],
    [{ ...good, stages: [first, last], templates: [] }, 'templates: expected at least one, got []'],
    [{ ...good, stages: [{ ...first, threshold: '0.5' }, last] }, 'stages.0.threshold: expected number, got "0.5"'],
    [
      `${JSON.stringify({ ...good, stages: [first, last] }).replace('0.5', '1e999')}`,
      'stages.0.threshold: expected number, got Infinity',
    ],
    [{ ...good, stages: [{ model: 'x' }, last] }, 'stages.0.threshold: expected a number, got nothing'],
    [
      { ...good, stages: [{ ...first, threshold: 1.5 }, last] },
      'stages.0.threshold: expected 0 to 1, as the confidence is probability, got 1.5',
    ],
    [
      { ...good, stages: [first, { ...last, threshold: 0.9 }] },
      'stages.1.threshold: expected none, as the last stage answers whatever reaches it, got 0.9',
    ],
    [
      { ...good, stages: [{ ...first, treshold: 0.5 }, last] },
      'unknown field stages.0.treshold; did you mean threshold?',
    ],
    [{ ...good, stages: [first, {}] }, 'stages.1.model: expected string, got nothing'],
    [
      { ...good, stages: [{ ...first, temperature: -1 }, last] },
      'stages.0.temperature: expected a number above 0, got -1',
    ],
    [
      { ...good, stages: [first, { ...server, timeout_ms: 3e9 }] },
      'stages.1.timeout_ms: expected at most 2147483647 ms, got 3000000000',
    ],
    [{ ...good, stages: [first, { ...server, retries: 0.5 }] }, 'stages.1.retries: expected int, got 0.5'],
    [
      { ...good, stages: [first, { url: 'ftp://host' }] },
      'stages.1.url: expected an address as https://host:8080, got "ftp://host"',
    ],
    [
      { ...good, stages: [first, { url: '192.168.1.2:8080' }] },
      'stages.1.url: expected an address as https://host:8080, got "192.168.1.2:8080"',
    ],
    [
      { ...good, stages: [first, { url: 'https://me:hidden@host' }] },
      'stages.1.url: expected no name and no password in it: a bearer key is read from the variable key_env',
    ],
  ])('%j is refused', async (content, message) => {
    await writeFile(file(), typeof content === 'string' ? content : JSON.stringify(content));
    await expect(readCascade(file())).rejects.toThrow(new UserError(`${file()}: ${message}`));
  });
});
