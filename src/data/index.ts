export { cacheFolder, keep, readKept } from './cache.js';
export { classCounts } from './class-counts.js';
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
export { dealingRule } from './deal-splits.js';
export { type DecodeOptions, decodeImage } from './decode.js';
export { type Edition, editions } from './emoji/editions.js';
export { captionsOf, checkApart, examplesOf, isLabelled, labelledOf } from './examples-of.js';
export type { Finding } from './faults.js';
export { fewShot } from './few-shot.js';
export { fileReaders } from './file-readers.js';
export { ImageError } from './image-error.js';
export { pathBelow, pathInside } from './image-file.js';
export { type Inspection, type InspectOptions, inspectDataset } from './inspect.js';
export { openDataset } from './open.js';
export { openPhantoms, type Phantom, type PhantomFinding, phantomFindings } from './phantoms/index.js';
export { type SameImages, sameImages } from './same-images.js';
export { type EmojiScene, openScenes } from './scenes.js';
export { shardsOf } from './shards-of.js';
export { contactSheet, type SheetOptions } from './sheet/contact-sheet.js';
export { type SheetText, sheetOverlay } from './sheet/sheet-text.js';
export { readImage } from './source.js';
export { commonOptions, type DataKind, dataKinds, ownOptions, parseDataSpec } from './spec.js';
export { type Subset, withSubset } from './subset.js';
export { subsetFields } from './subset-fields.js';
export {
  type FlawKind,
  flawKinds,
  readSurface,
  type SurfaceImage,
  type SurfaceSet,
  surfaceImages,
  surfaceSets,
  surfacesFingerprint,
} from './surfaces/index.js';
