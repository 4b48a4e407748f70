/** The library: what the command line is made of. Tensor code and layers stand in their own names. */
export * from './bank/index.js';
export * from './clip/index.js';
export * from './compress/index.js';
export * from './continual/index.js';
export * from './cvpr2024/index.js';
export * from './data/index.js';
export * from './distill/index.js';
export * from './embed/index.js';
export { UserError } from './errors.js';
export * from './evaluate/index.js';
// Also `distill`, which the room of that name has too: this one takes names and needs no recipe.
export * from './everyday/index.js';
export { distill } from './everyday/index.js';
export { type JobEngine, runJobSet } from './jobs/index.js';
export { type LoaderOptions, usualWorkers } from './loader/index.js';
export * from './math/index.js';
export * from './model/index.js';
export * as nn from './nn/index.js';
export * from './pretrain/index.js';
export * from './prompt/index.js';
export * from './prompt-search/index.js';
export * from './report/index.js';
export * from './runtime/index.js';
export * from './sweep/index.js';
export * from './tasks/index.js';
export * as tensor from './tensor/index.js';
export * from './train/index.js';
export * from './tune-prompts/index.js';
