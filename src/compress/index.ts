export { cardTitle, type ModelCard } from './card.js';
export { readClassifier, type SavedClassifier } from './classifier.js';
export { openEncoders } from './encoders.js';
export { type ExportOptions, type ExportResult, exportModel } from './export.js';
export * from './quantize/index.js';
