/** What of this room also runs in a browser: no files, no native code. */
export { embeddingOutput, scoringOf } from './family.js';
export { MAX_PIXELS, normalizePixels, resizeAndCrop } from './preprocess/pixels.js';
export type { PreprocessConfig } from './preprocess/preprocess-config.js';
export { tokenizeAll } from './tokenizer/tokenize-all.js';
export { type Tokenizer, tokenizerFromJson } from './tokenizer/tokenizer.js';
