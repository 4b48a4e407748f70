export type { EmbeddedRecord } from './columns.js';
export { type EmbedDatasetOptions, type EmbedResult, embedDataset } from './embed-dataset.js';
export { type EmbedFormat, type EmbedManifest, embedFormats, readEmbedManifest } from './manifest.js';
export { checkProbe, imageQuery, probeText, textQuery } from './query.js';
export { type SearchHit, SearchIndex } from './search-index.js';
