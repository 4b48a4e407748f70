export * from './cascade/index.js';
export * from './encoder/index.js';
export * from './server/index.js';
