export { cacheFolder } from './cache.js';
export { classCounts } from './class-counts.js';
export { contactSheet, type SheetOptions } from './contact-sheet.js';
export type {
  Box,
  ClassInfo,
  Example,
  ImageTextDataset,
  LabelledExample,
  Picture,
  PictureSource,
  Skipped,
} from './dataset.js';
export { decodePicture } from './decode.js';
export { type Edition, editions } from './emoji/index.js';
export { captionsOf, checkApart, examplesOf, isLabelled, labelledOf } from './examples-of.js';
export type { Finding } from './faults.js';
export { fewShot } from './few-shot.js';
export { type Inspection, type InspectOptions, inspectDataset } from './inspect.js';
export { openDataset } from './open.js';
export { shardsOf } from './shards-of.js';
export { type SheetText, sheetOverlay } from './sheet-text.js';
export { commonOptions, type DataKind, dataKinds, ownOptions } from './spec.js';
export { type Subset, withSubset } from './subset.js';
