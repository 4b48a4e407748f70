export { cardTitle, type ModelCard } from './card.js';
export { type ExportOptions, type ExportResult, exportModel } from './export.js';
export { type BankExportOptions, exportBank } from './export-bank.js';
export * from './quantize/index.js';
export { straightThrough } from './quantize/straight-through.js';
export { storedForm } from './stored-form.js';
