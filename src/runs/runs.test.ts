import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparedRuns, runTable } from '../cli/output/runs.js';
import { History, inRun, type RunEvaluation, type StepEvent } from '../train/index.js';
import { deletableOf, deleteAll, findRuns, historyCsv, openRun, recipeDifferences, summaryOf } from './index.js';

let root = '';
const at = (...parts: string[]) => join(root, ...parts);

const event = (step: number, steps: number): StepEvent => ({
  ...{ step, steps, losses: { total: 1 / step }, learningRate: 0.1, gradientNorm: 1, imagesPerSecond: 9 },
  ...{ seconds: 30 * step, secondsLeft: 0, skipped: false, averaged: async () => ({}) },
});
const seen = (top1: number): RunEvaluation => ({ split: 'val', images: 100, top1, top5: 1, teacher: 0.8 });

/** A run of four steps as any command keeps it. */
async function run(name: string, recipe: object, { done = 4, args = [] as string[] } = {}): Promise<void> {
  const runDir = at(name);
  await inRun(
    { command: 'distill', data: { name: 'colours', fingerprint: 'c1' } },
    { recipe, runDir, invocation: { args, folder: root, out: runDir } },
    async (own) => {
      for (let step = 1; step <= done; step++) {
        const place = { phase: step < 3 ? 'warmup' : 'joint', firstStep: 0, overallSteps: 4 };
        await own.step(place, event(step, 4), step === 3 ? seen(0.6) : undefined);
      }
      const result = {
        folder: join(runDir, 'student'),
        finished: done === 4,
        steps: done,
        seconds: 120,
        imagesSeen: 64,
      };
      return { result, figures: { parameters: 346_769, best: { ...seen(0.6), step: 3 } } };
    },
  );
  for (const part of ['targets', 'phase-joint']) mkdirSync(join(runDir, part), { recursive: true });
  writeFileSync(join(runDir, 'targets', 'shard-00000.bin'), new Uint8Array(1000));
  writeFileSync(join(runDir, 'phase-joint', 'state.safetensors'), new Uint8Array(500));
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-runs-'));
  const recipe = { batch: 8, phases: { joint: { lr: 1e-3 } }, layers: [1, 2] };
  await run('first', recipe);
  await run('deeper/second-with-a-name-that-is-rather-long-for-a-table', { ...recipe, batch: 16, layers: [1] });
  await run('stopped', recipe, { done: 2, args: ['--targets', 'first/targets'] });
});
afterAll(() => rmSync(root, { recursive: true }));

describe('runs', () => {
  it('are found with state, step, figures, time and size, and shown in 80 columns', async () => {
    writeFileSync(at('broken.json'), '');
    mkdirSync(at('broken'), { recursive: true });
    writeFileSync(at('broken', 'run.json'), '{');
    const said: string[] = [];
    const found = (await findRuns(root, (message) => said.push(message))).map(summaryOf);
    expect(said).toEqual([expect.stringContaining(at('broken', 'run.json'))]);
    expect(found.map(({ run: name, state, steps, value }) => [name.slice(0, 13), state, steps, value])).toEqual([
      ['deeper/second', 'finished', 4, 0.6],
      ['first', 'finished', 4, 0.6],
      ['stopped', 'stopped', 2, 0.6],
    ]);
    expect(found[1]).toMatchObject({ train_seconds: 120, images_seen: 64, parameters: 346_769, figure: 'top-1' });
    expect(found[1]!.bytes).toBeGreaterThan(1500);
    const table = runTable(found).split('\n');
    expect(Math.max(...table.map(({ length }) => length))).toBeLessThanOrEqual(80);
    expect(table[3]).toMatch(/^first +distill +finished +4 +top-1 60.0 % +2 min 0 s/);
  });

  it('are compared by figures and by what their recipes say otherwise', async () => {
    const names = ['first', 'deeper/second-with-a-name-that-is-rather-long-for-a-table'];
    const two = await Promise.all(names.map((name) => openRun(at(name))));
    const differences = recipeDifferences(two.map(({ record }) => record.recipe));
    expect(differences).toEqual([
      { field: 'batch', values: ['8', '16'] },
      { field: 'layers', values: ['[1,2]', '[1]'] },
    ]);
    const text = comparedRuns(two.map(summaryOf), differences);
    expect(text).toContain('75.0 %');
    expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
    await expect(openRun(root)).rejects.toThrow('expected the folder of a run, with run.json, found none');
  });

  it('give up what finished ones need no more, and keep what another still uses', async () => {
    const found = deletableOf(await findRuns(root, () => {}));
    const paths = found.map(({ path, bytes }) => [
      path.slice(root.length + 1).replace(/^deeper\/[^/]+/, 'second'),
      bytes,
    ]);
    expect(paths).toEqual([
      ['second/phase-joint/state.safetensors', 500],
      ['second/targets', 1000],
      ['first/phase-joint/state.safetensors', 500],
    ]);
    deleteAll(found);
    expect(found.map(({ path }) => existsSync(path))).toEqual([false, false, false]);
    expect(existsSync(at('first', 'targets')) && existsSync(at('stopped', 'phase-joint', 'state.safetensors'))).toBe(
      true,
    );
  });

  it('are exported as CSV', () => {
    const lines = historyCsv(new History(at('first', 'history.jsonl')).entries).split('\r\n');
    expect(lines[0]).toBe(
      'step,phase,seconds,learning_rate,gradient_norm,images_per_second,loss.total,evaluation.split,evaluation.images,evaluation.top1,evaluation.top5,evaluation.teacher',
    );
    expect(lines.slice(3)).toEqual([
      '3,joint,90,0.1,1,9,0.3333333333333333,val,100,0.6,1,0.8',
      '4,joint,120,0.1,1,9,0.25,,,,,',
      '',
    ]);
  });
});
