import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { UserError } from '../errors.js';
import { Random } from '../math/random.js';
import { mutate } from './fuzz/mutate.js';
import { folderFor, keepInput, parsers, targetsOf } from './fuzz/parsers.fixture.js';
import { recipeParsers } from './fuzz/recipe-parsers.fixture.js';
import { taskParsers } from './fuzz/task-parsers.fixture.js';

// `node bench/fuzz.mjs` sets both for a night.
const inputs = Number(process.env.PROMPTKD_FUZZ_INPUTS ?? 12);
const seed = process.env.PROMPTKD_FUZZ_SEED ?? '1';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-fuzz-'));
  vi.stubEnv('PROMPTKD_CACHE', join(root, 'cache'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

describe('damaged input is read, or refused in a sentence', () => {
  it.each([...parsers, ...recipeParsers, ...taskParsers].map((parser) => [parser.name, parser] as const))(
    '%s',
    async (name, parser) => {
      const folder = folderFor(root, parser);
      await parser.make(folder);
      await parser.read(folder);
      const random = new Random('fuzz', seed, name);
      const files = targetsOf(parser, folder);
      for (let n = 0; n < inputs; n++) {
        const file = files[n % files.length]!;
        const sound = readFileSync(join(folder, file));
        const damaged = mutate(sound, random);
        writeFileSync(join(folder, file), damaged);
        try {
          await parser.read(folder);
        } catch (error) {
          if (!(error instanceof UserError)) {
            const kept = keepInput(`${name}-${seed}-${n}`, damaged);
            throw new Error(`${file}, input ${n} (${kept}): not a UserError`, { cause: error });
          }
          expect(error.message.length, error.message).toBeLessThan(1000);
        }
        writeFileSync(join(folder, file), sound);
      }
    },
  );
});
