/** The library: what the command line is made of. Tensor code and layers stand in their own names. */
export * from './clip/index.js';
export * from './compress/index.js';
export * from './data/index.js';
export * from './distill/index.js';
export { UserError } from './errors.js';
export * from './evaluate/index.js';
export { type LoaderOptions, usualWorkers } from './loader/index.js';
export * as nn from './nn/index.js';
export * from './prompt/index.js';
export * from './report/index.js';
export * from './runtime/index.js';
export * as tensor from './tensor/index.js';
