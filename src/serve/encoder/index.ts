export type { EncodedImages, Encoder, EncoderInfo, EncoderOptions, PictureInput } from './encoder.js';
export { LocalEncoder } from './local.js';
export { type PoolOptions, tasksPerWorker, WorkerEncoder } from './pool.js';
