import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileOptions, dataset } from '../test/colours.fixture.js';
import type { RunProgress } from '../train/index.js';
import { continual } from './continual.js';
import { student } from './one-block.fixture.js';
import { continualRecipe } from './sequence-recipe.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-continual-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const recipe = continualRecipe.parse({
  data: { test: 'train' },
  tasks: [
    { name: 'warm', classes: ['red', 'green'] },
    { name: 'cold', classes: ['blue', 'grey'] },
  ],
  methods: ['bank+ewc'],
  ...{ batch: 4, steps: 4, lr: 0.01, warmup_steps: 0, checkpoint_every: 1, templates: ['{}'] },
  ...{ prompts: { n_ctx: 2, depth: 1 }, routing: { centroids: 2 }, ewc: { samples: 4 } },
});

/** Runs to the end or until `stopAt` says so, and begins again: what it found, and how often it was stopped. */
async function stoppedRun(folder: string, stopAt: (progress: RunProgress, times: number) => boolean) {
  for (let times = 0; ; times++) {
    const stop = new AbortController();
    const onProgress = (progress: RunProgress) => void (stopAt(progress, times) && stop.abort());
    const engine = compileOptions;
    const options = { student, dataset, recipe, engine, runDir: join(root, folder), signal: stop.signal, onProgress };
    try {
      const result = await continual(options);
      if (result.finished) return { times, runs: result.runs.map(({ perTask: _, ...run }) => run) };
    } catch (error) {
      if ((error as Error).name !== 'AbortError') throw error;
    }
    if (times > 9) throw new Error('it does not get on');
  }
}

it('that is stopped in a task and between two goes on to what an uninterrupted run ends with', async () => {
  const whole = await stoppedRun('whole', () => false);
  let measured = 0;
  const stopped = await stoppedRun('stopped', ({ phase, step }, times) => {
    if (times === 0) return phase.includes('continue') && step === 2; // in the first task
    if (times === 1) return phase.includes('measuring') && ++measured === 1; // it is learned, and not yet measured
    return times === 2 && phase.includes('cold') && step === 3;
  });
  expect([whole.times, stopped.times]).toEqual([0, 3]);
  expect(stopped.runs).toEqual(whole.runs);
});
