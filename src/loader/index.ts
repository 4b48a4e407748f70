export { EpochOrder } from './epoch-order.js';
export { type LoadedViews, Loader, type LoaderOptions, type LoaderPlan, usualWorkers } from './loader.js';
export { type DatasetPixels, datasetPixels, PixelBlocks, wholePicture } from './pixel-blocks.js';
export { modelPixels, preprocessImage, squareRgb } from './pixels.js';
export { type ViewSheetOptions, viewSheet } from './sheet.js';
export { storedView } from './stored-view.js';
export type { PlainView, View } from './view.js';
export type { ViewOptions } from './view-batches.js';
export { ViewBatches } from './view-batches.js';
