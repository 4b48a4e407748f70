export { contactSheet, type SheetOptions } from './contact-sheet.js';
export type { Box, ClassInfo, Example, ImageTextDataset, LabelledExample, Picture, Skipped } from './dataset.js';
export { decodePicture } from './decode.js';
export { type Edition, editions } from './emoji/index.js';
export { examplesOf, isLabelled, labelledOf } from './examples-of.js';
export { fewShot } from './few-shot.js';
export { openDataset } from './open.js';
