export { augmentImage } from './image.js';
export { type AugmentOptions, augmentOptions } from './options.js';
export { plainImage } from './plain.js';
export * from './text/index.js';
