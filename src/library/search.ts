/**
 * The embeddings of a data set in files, and exact search in them by text and by image.
 *
 * @module promptkd/search
 */
export {
  type EmbedDatasetOptions,
  type EmbeddedRecord,
  type EmbedFormat,
  type EmbedManifest,
  type EmbedResult,
  embedDataset,
  embedFormats,
  imageQuery,
  readEmbedManifest,
  type SearchHit,
  SearchIndex,
  textQuery,
} from '../embed/index.js';
export { parseShard, type Shard, shardOf } from '../jobs/index.js';
