export * from './cascade/index.js';
export * from './encoder/index.js';
export { Prepared } from './prepared.js';
export * from './server/index.js';
