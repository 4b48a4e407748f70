export { type LoadedViews, Loader, type LoaderOptions, type LoaderPlan, usualWorkers } from './loader.js';
export type { PlainView, View } from './view.js';
