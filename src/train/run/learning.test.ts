import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { History } from './history.js';
import { trendLine, trendOf } from './learning.js';
import { Validation } from './validation.js';

const evaluations = (...scores: number[]) => scores.map((top1) => ({ split: 'val', images: 400, top1 }));

describe('whether a run still learns', () => {
  it.each([
    [[0.1, 0.2], undefined, undefined],
    [[0.1, 0.3, 0.4, 0.5], 'learning', 'still learning (the best so far)'],
    [[0.3, 0.5, 0.5, 0.5, 0.5], 'level', 'levels off (no better for 3 evaluations)'],
    [[0.3, 0.5, 0.48, 0.49], 'level', 'levels off (no better for 2 evaluations)'],
    [[0.3, 0.5, 0.4], 'falling', 'falls: it learns its images by heart (no better for 1 evaluation)'],
  ] as const)('%j: %s', (scores, trend, line) => {
    expect([trendOf(evaluations(...scores)), trendLine(evaluations(...scores))]).toEqual([trend, line]);
  });

  it('by the mean of both R@1 where there are captions alone', () => {
    const recalls = [0.1, 0.2, 0.3].map((r) => ({
      ...{ split: 'val', images: 100, r1_image_to_text: 2 * r, r1_text_to_image: 0 },
    }));
    expect(trendOf(recalls)).toBe('learning');
  });
});

it('finds the best of a phase, its history included, and ends after as many no better ones as asked', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'promptkd-validation-'));
  try {
    const history = new History(join(folder, 'history.jsonl'));
    const add = (step: number, phase: string, top1: number) =>
      history.add({
        ...{ step, phase, losses: {}, learning_rate: 1, gradient_norm: 1, images_per_second: 1, seconds: step },
        evaluation: { split: 'val', images: 10, top1 },
      });
    await add(1, 'warmup', 0.9);
    await add(2, 'joint', 0.5);
    await add(3, 'joint', 0.4);
    const validation = new Validation(history, 'joint', 2);
    expect([validation.best(1), validation.best(2)?.top1, validation.isExhausted(3)]).toEqual([undefined, 0.5, false]);
    const seen = (top1: number) => ({ split: 'val', images: 10, top1 });
    expect([validation.note(seen(0.5), 4), validation.isExhausted(4), validation.best(4)?.step]).toEqual([
      false,
      true,
      2,
    ]);
    // Trained again from step 3 on, with another end.
    expect([validation.note(seen(0.6), 3), validation.isExhausted(4), validation.best(4)?.step]).toEqual([
      true,
      false,
      3,
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
