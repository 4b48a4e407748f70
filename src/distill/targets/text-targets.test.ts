import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tokenizeAll } from '../../clip/tokenizer/tokenize-all.js';
import { initClip } from '../../clip/towers/initialise.js';
import { compileOptions, config, teacher as model, otherTokenizer, tokenizer } from '../../test/colours.fixture.js';
import { teacherOf } from '../teacher/teacher.js';
import { TextTargets } from './text-targets.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'promptkd-texts-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const teacher = teacherOf(model, { compile: compileOptions });
const texts = Array.from({ length: 70 }, (_, i) => `${'red '.repeat(i % 3)}stripes`); // more than a block
const tokens = tokenizeAll(tokenizer, texts, 12);

/** The features as a run gets them that stores what it makes, and how often it said what is done. */
async function features({ of = teacher, read = tokens, words = true } = {}) {
  const seen: [number, number][] = [];
  const targets = new TextTargets(of, dir, { onProgress: (...done) => void seen.push(done) });
  const made = await targets.of(read, words);
  await targets.save();
  return { made, seen };
}

it('are made once, and read by the next run', async () => {
  const first = await features();
  expect(first.seen).toEqual([
    [64, 70],
    [70, 70],
  ]);
  expect(first.made.words).toHaveLength(70 * tokens.length * config.projection_dim);
  expect(await features()).toEqual({ made: first.made, seen: [] });
  expect(await features({ words: false })).toEqual({ made: { embeds: first.made.embeds }, seen: [] });
});

it('are made anew for another teacher, other tokens, more than is stored, or where the file is damaged', async () => {
  const made = async (what: Parameters<typeof features>[0]) => (await features(what)).seen.length > 0;
  expect(await made({ words: false })).toBe(true);
  expect(await made({ words: true })).toBe(true);
  expect(await made({ of: teacherOf({ ...model, params: initClip(config, 9) }) })).toBe(true);
  expect(await made({ of: teacherOf(model, { compile: { precision: 'mixed' } }) })).toBe(true);
  expect(await made({ read: tokenizeAll(otherTokenizer, texts, 12) })).toBe(true);
  expect(await made({})).toBe(true);
  const path = join(dir, 'texts.safetensors');
  const whole = readFileSync(path);
  for (const damaged of [whole.map((byte, i) => (i === whole.length - 1 ? byte ^ 1 : byte)), whole.subarray(0, 99)]) {
    writeFileSync(path, damaged);
    expect(await made({})).toBe(true);
    expect(readFileSync(path).equals(whole)).toBe(true);
  }
});

it('are written again where the store was emptied behind them', async () => {
  const path = join(dir, 'texts.safetensors');
  await features({});
  const whole = readFileSync(path);
  const targets = new TextTargets(teacher, dir, {});
  await targets.of(tokens, true);
  rmSync(path);
  await targets.save();
  expect(readFileSync(path).equals(whole)).toBe(true);
});

it('stop between blocks of texts', async () => {
  const controller = new AbortController();
  const targets = new TextTargets(teacher, dir, {
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('stopped')),
  });
  await expect(targets.of(tokens, false)).rejects.toThrow('stopped');
});

it('refuse token features that fp16 cannot hold, where they are asked for', async () => {
  const projection = model.params['text_projection.weight']!;
  const large = { ...projection, data: Float32Array.from(projection.data, (x) => x * 1e7) };
  const of = teacherOf({ ...model, params: { ...model.params, 'text_projection.weight': large } });
  await expect(features({ of })).rejects.toThrow(
    /^teacher: token features of the texts: expected values within ±65,504, .* set losses.cross_modal.enabled=false$/,
  );
  expect((await features({ of, words: false })).made.embeds.every(Number.isFinite)).toBe(true);
});
