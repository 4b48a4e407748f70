/** What of this room also runs in a browser: no files, no native code. */
export { embeddingOutput } from './embedding-outputs.js';
export { MAX_PIXELS, normalizePixels, resizeAndCrop } from './pixels.js';
export type { PreprocessConfig } from './preprocess-config.js';
export { tokenizeAll } from './tokenize-all.js';
export { type Tokenizer, tokenizerFromJson } from './tokenizer.js';
