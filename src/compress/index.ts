export type { ModelCard } from './card.js';
export { type ExportOptions, type ExportResult, exportModel } from './export.js';
