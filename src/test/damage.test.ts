import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportModel } from '../compress/index.js';
import { checkpoint, promptsFor } from '../compress/student.fixture.js';
import { distill } from '../distill/index.js';
import { UserError } from '../errors.js';
import { fileList } from '../files/index.js';
import { Random } from '../math/random.js';
import { loadModel, modelFingerprint, openEncoders, saveModel } from '../model/index.js';
import { compileOptions, dataset, oneBlock, recipe, teacher } from './colours.fixture.js';
import { long } from './long.fixture.js';

let root: string;
const at = (...parts: string[]) => join(root, ...parts);

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-damage-'));
  await saveModel(at('student'), { ...checkpoint, prompts: promptsFor(2) });
  await exportModel({ model: await loadModel(at('student')), out: at('exported'), classes: ['cat', 'house'] });
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** All files below a folder. */
const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(folder, name)).isFile());

const damages: Readonly<Record<string, (bytes: Buffer, random: Random) => Buffer>> = {
  truncated: (bytes) => bytes.subarray(0, bytes.length >> 1),
  'cut to nothing': (bytes) => bytes.subarray(0, 0),
  'zeroed from the middle on': (bytes) => Buffer.from(bytes).fill(0, bytes.length >> 1),
  'changed in one bit': (bytes, random) => {
    const changed = Buffer.from(bytes);
    changed[random.int(bytes.length)]! ^= 1 << random.int(8);
    return changed;
  },
};

/** Runs something on a copy of a folder in which one file is damaged, for each file and each damage. */
async function eachDamage(folder: string, files: readonly string[], attempt: (copy: string, file: string) => unknown) {
  const random = new Random('damage');
  const copy = at('copy');
  for (const file of files) {
    for (const [how, damage] of Object.entries(damages)) {
      rmSync(copy, { recursive: true, force: true });
      cpSync(folder, copy, { recursive: true });
      writeFileSync(join(copy, file), damage(readFileSync(join(folder, file)), random));
      const said = await Promise.resolve(attempt(copy, file)).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(said, `${file} ${how}`).toBeInstanceOf(UserError);
      expect((said as Error).message, `${file} ${how}`).toContain(copy);
    }
  }
}

describe('a model with a damaged file', () => {
  it('is refused, whichever of its files it is', async () => {
    const files = filesOf(at('student'));
    expect(files).toEqual(expect.arrayContaining([fileList, 'config.json', 'model.safetensors']));
    await eachDamage(at('student'), files, (copy) => loadModel(copy));
  });

  it('is refused as ONNX encoders, where it is a file that they read', async () => {
    // A changed bit in the list may lie in what it says of a file that is not read.
    const read = (file: string) =>
      file !== fileList &&
      !file.endsWith('.md') &&
      !/^(model|prompt_encoder)\.safetensors$/.test(file) &&
      !/onnx.(model|.*fp16)/.test(file);
    await eachDamage(at('exported'), filesOf(at('exported')).filter(read), async (copy) => {
      await (await openEncoders(copy)).encoders.dispose();
    });
  });

  it('may have another card, and be without what is not read', async () => {
    cpSync(at('exported'), at('fewer'), { recursive: true });
    writeFileSync(at('fewer', 'README.md'), 'my own words');
    rmSync(at('fewer', 'onnx'), { recursive: true });
    await expect(loadModel(at('fewer'))).resolves.toBeDefined();
    rmSync(at('fewer', 'prompt_encoder.safetensors'));
    await expect(loadModel(at('fewer'))).rejects.toThrow(/prompt_encoder\.safetensors: missing, but checksums\.json/);
  });
});

const few = { warmup: { steps: 0 }, prompt: { steps: 1 }, joint: { steps: 2 } };
const given = {
  teacher,
  dataset,
  recipe: recipe({ student: oneBlock, views: 1, checkpoint_every: 1, phases: few }),
  engine: compileOptions,
};

it('a run with a damaged file ends with the same student, or is refused', async () => {
  const run = (runDir: string) => distill({ ...given, runDir });
  const idOf = async (folder: string) => modelFingerprint(await loadModel(folder));
  const stop = new AbortController();
  let joint = 0;
  const begun = distill({
    ...{ ...given, runDir: at('begun'), signal: stop.signal },
    onProgress: ({ phase, step }) => {
      if (phase === 'joint' && step > 0 && ++joint === 1) stop.abort();
    },
  });
  expect((await begun).finished).toBe(false);
  cpSync(at('begun'), at('whole'), { recursive: true });
  const whole = await idOf((await run(at('whole'))).folder);
  const random = new Random('a damaged run');
  let [refused, same] = [0, 0];
  const all = filesOf(at('begun'));
  // Each takes a run: here the first of every format stands for the others.
  const first = new Map(all.toReversed().map((file) => [extname(file), file]));
  for (const file of long ? all : first.values()) {
    // One kind of damage a file: the run takes its time. All kinds go round.
    const [how, damage] = Object.entries(damages)[(refused + same) % 4]!;
    rmSync(at('copy'), { recursive: true, force: true });
    cpSync(at('begun'), at('copy'), { recursive: true });
    writeFileSync(at('copy', file), damage(readFileSync(at('begun', file)), random));
    try {
      expect(await idOf((await run(at('copy'))).folder), `${file} ${how}`).toBe(whole);
      same++;
    } catch (error) {
      expect(error, `${file} ${how}`).toBeInstanceOf(UserError);
      refused++;
    }
  }
  expect(Math.min(refused, same)).toBeGreaterThan(0);
});

it('a history whose last line is torn goes on without it', async () => {
  cpSync(at('whole'), at('torn'), { recursive: true });
  const path = at('torn', 'history.jsonl');
  const lines = readFileSync(path, 'utf8');
  truncateSync(path, lines.length - 5);
  const messages: string[] = [];
  const onMessage = (message: string) => messages.push(message);
  await distill({ ...given, onMessage, runDir: at('torn') });
  expect(messages.join()).toContain('the last line was cut off');
});
