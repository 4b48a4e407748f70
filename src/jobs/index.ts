export { parseShard, type Shard, shardOf, shardText, wholeWork } from './shard.js';
