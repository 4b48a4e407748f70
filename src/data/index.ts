export { type Edition, editions } from './built-in/emoji/editions.js';
export { openPhantoms, type Phantom, type PhantomFinding, phantomFindings } from './built-in/phantoms/index.js';
export { type EmojiScene, openScenes } from './built-in/scenes.js';
export {
  type FlawKind,
  flawKinds,
  readSurface,
  type SurfaceImage,
  type SurfaceSet,
  surfaceImages,
  surfaceSets,
  surfacesFingerprint,
} from './built-in/surfaces/index.js';
export { cacheFolder, keep, readKept } from './cache.js';
export type {
  Box,
  ClassInfo,
  Example,
  ImageKind,
  ImageSource,
  ImageTextDataset,
  LabelledExample,
  RawImage,
  Remark,
  Skipped,
} from './dataset.js';
export { fileReaders } from './file-readers.js';
export { type DecodeOptions, decodeImage } from './images/decode.js';
export { ImageError } from './images/image-error.js';
export { pathBelow, pathInside } from './images/image-file.js';
export { readImage } from './images/source.js';
export { contactSheet, type SheetOptions } from './inspect/contact-sheet.js';
export type { Finding } from './inspect/faults.js';
export { type Inspection, type InspectOptions, inspectDataset } from './inspect/inspect.js';
export { type SameImages, sameImages } from './inspect/same-images.js';
export { type SheetText, sheetOverlay } from './inspect/sheet-text.js';
export { classCounts } from './labels/class-counts.js';
export { openDataset } from './open.js';
export { commonOptions, type DataKind, dataKinds, ownOptions, parseDataSpec } from './spec.js';
export { dealingRule } from './splits/deal-splits.js';
export { captionsOf, checkApart, examplesOf, isLabelled, labelledOf } from './splits/examples-of.js';
export { fewShot } from './splits/few-shot.js';
export { shardsOf } from './splits/shards-of.js';
export { type Subset, withSubset } from './splits/subset.js';
export { subsetFields } from './splits/subset-fields.js';
