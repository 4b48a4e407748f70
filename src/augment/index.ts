export { augmentImage } from './image.js';
export { drawMix, type Mix, mixInto } from './mix.js';
export { type AugmentOptions, augmentBlock, augmentOptions, pictureOptions, unmixed } from './options.js';
export { plainImage } from './plain.js';
export * from './text/index.js';
