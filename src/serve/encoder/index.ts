export type { EncodedImages, Encoder, EncoderInfo, EncoderOptions, ImageInput } from './encoder.js';
export { LocalEncoder } from './local.js';
export { type PoolOptions, tasksPerWorker, WorkerEncoder } from './pool.js';
