export { cacheFolder, keep, readKept } from './cache.js';
export { classCounts } from './class-counts.js';
export type {
  Box,
  ClassInfo,
  Example,
  ImageKind,
  ImageTextDataset,
  LabelledExample,
  Picture,
  PictureSource,
  Remark,
  Skipped,
} from './dataset.js';
export { dealingRule } from './deal-splits.js';
export { type DecodeOptions, decodePicture } from './decode.js';
export { type Edition, editions } from './emoji/editions.js';
export { captionsOf, checkApart, examplesOf, isLabelled, labelledOf } from './examples-of.js';
export type { Finding } from './faults.js';
export { fewShot } from './few-shot.js';
export { type Inspection, type InspectOptions, inspectDataset } from './inspect.js';
export { openDataset } from './open.js';
export { PictureError } from './picture-error.js';
export { type SameImages, sameImages } from './same-images.js';
export { shardsOf } from './shards-of.js';
export { contactSheet, type SheetOptions } from './sheet/contact-sheet.js';
export { type SheetText, sheetOverlay } from './sheet/sheet-text.js';
export { readPicture } from './source.js';
export { commonOptions, type DataKind, dataKinds, ownOptions } from './spec.js';
export { type Subset, withSubset } from './subset.js';
export { subsetFields } from './subset-fields.js';
