export { contactSheet, type SheetOptions } from './contact-sheet.js';
export type { ClassInfo, Example, ImageTextDataset, Picture, Skipped } from './dataset.js';
export { decodePicture } from './decode.js';
export { type Edition, editions } from './emoji/index.js';
export { examplesOf } from './examples-of.js';
export { fewShot } from './few-shot.js';
export { openDataset } from './open.js';
