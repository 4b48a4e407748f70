export { EpochOrder } from './epoch-order.js';
export { type LoadedViews, Loader, type LoaderOptions, type LoaderPlan, usualWorkers } from './loader.js';
export { type ViewSheetOptions, viewSheet } from './sheet.js';
export { storedView } from './stored-view.js';
export { type UnreadableImage, UnreadableImages } from './unreadable.js';
export type { PlainView, View } from './view.js';
export type { ViewOptions } from './view-batches.js';
export { ViewBatches } from './view-batches.js';
