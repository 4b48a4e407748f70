// The tuned recipes of defaults-table.mjs: recipes/distill-emoji.yaml, and what was better than it on images of each pair that
// are neither trained on nor in the table.

/** Fields that are tried for each pair, one change at a time, on top of recipes/distill-emoji.yaml. */
export const tries = {
  start: {},
  'higher rates': { phases: { warmup: { lr: 1.6e-2 }, joint: { lr: 6e-3 } } },
  'lower rates': { phases: { warmup: { lr: 4e-3 }, joint: { lr: 1.5e-3 } } },
  'features shorter': { shares: { warmup: 0.35, prompt: 0.05 } },
  'features longer': { shares: { warmup: 0.8, prompt: 0.03 } },
  'stronger views': { augment: { rotation: 15, jitter: 0.4, erasing: 0.25, background: true } },
  'milder views': { augment: { scale: 0.75, rotation: 6, jitter: 0.15, grayscale: 0, erasing: 0 } },
  'one view': { views: 1 },
  'names alone': { texts: { templates: ['{}'] } },
  'all texts a step': { texts: { classes_per_step: 256 } },
  'answers weigh more': { losses: { response: { weight: 3 } } },
};

/**
 * What was better for a pair than the start by more than its interval, all together (defaults-tries.jsonl; docs/benchmarks.md,
 * "Without a recipe"). On `drawings` the start itself was searched for.
 */
export const tuned = {
  drawings: {},
  pairs: {
    texts: { classes_per_step: 256 },
    augment: { scale: 0.75, rotation: 6, jitter: 0.15, grayscale: 0, erasing: 0 },
  },
  scenes: {},
  photos: {},
};
