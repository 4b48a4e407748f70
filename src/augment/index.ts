export { augmentImage } from './image.js';
export { drawMix, type Mix, mixInto } from './mix.js';
export { onWhite } from './on-white.js';
export { type AugmentOptions, augmentBlock, augmentOptions, imageOptions, unmixed } from './options.js';
export * from './text/index.js';
