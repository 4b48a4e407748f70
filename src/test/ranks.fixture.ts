import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import type { Checkpoint } from '../clip/checkpoint/checkpoint.js';
import { config, teacher } from './colours.fixture.js';
import type { Step } from './training.fixture.js';

/** A module as built, by its path in `dist`: worker threads run that, and so must the graphs that are made for them. */
export async function built<T>(file: string): Promise<T> {
  const url = new URL(`../../dist/${file}`, import.meta.url);
  if (!existsSync(url)) throw new Error('Workers are tested as built: run "npm run build" first');
  return import(url.href);
}

const heads = { num_attention_heads: 4 };
/** The teacher with heads that four ranks can share. */
export const fourHeads: Checkpoint = {
  ...teacher,
  config: {
    ...config,
    vision_config: { ...config.vision_config, ...heads },
    text_config: { ...config.text_config, ...heads },
  },
};

/** The losses and gradients of `whole`, each to 1e-5 of its largest value. */
export function expectSameStep(split: Step, whole: Step): void {
  expect(Object.keys(split.losses)).toEqual(Object.keys(whole.losses));
  for (const [name, loss] of Object.entries(whole.losses)) {
    expect(Math.abs(split.losses[name]! - loss), name).toBeLessThan(1e-5 * Math.abs(loss) + 1e-9);
  }
  expect(Object.keys(split.gradients)).toEqual(Object.keys(whole.gradients));
  for (const [name, gradient] of Object.entries(whole.gradients)) {
    const other = split.gradients[name]!;
    expect(other, name).toHaveLength(gradient.length);
    // A key's bias adds the same to all scores of a row, and a batch norm takes away the bias before it: their gradients are
    // nothing but the rounding of the weight's.
    const scale = /(k_proj|projector\/fc1)\.bias$/.test(name)
      ? whole.gradients[name.replace('.bias', '.weight')]!
      : gradient;
    const largest = scale.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const far = gradient.reduce((most, x, i) => Math.max(most, Math.abs(x - other[i]!)), 0);
    expect(far / largest, name).toBeLessThan(1e-5);
  }
}
