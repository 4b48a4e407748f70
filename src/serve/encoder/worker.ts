import { workerData } from 'node:worker_threads';
import type { Rows } from '../../math/index.js';
import type { EncodedImages, EncoderInfo, EncoderOptions, PictureInput } from './encoder.js';
import { LocalEncoder } from './local.js';

/** What a worker is started with. */
export interface WorkerSetup extends EncoderOptions {
  readonly model: string;
}

/** One piece of work for a worker, and what it gives. */
export type Task =
  | { readonly kind: 'info' }
  | { readonly kind: 'images'; readonly pictures: readonly PictureInput[] }
  | { readonly kind: 'texts'; readonly texts: readonly string[] };
/** An error's class does not survive the way to another thread: a model that cannot be opened comes as a result. */
export type TaskResult = EncoderInfo | EncodedImages | Rows | { readonly failed: string };

const { model, ...options } = workerData as WorkerSetup;
const opening = LocalEncoder.open(model, options).catch((error: Error) => ({ failed: error.message }));

export default async function work(task: Task): Promise<TaskResult> {
  const encoder = await opening;
  if ('failed' in encoder) return encoder;
  if (task.kind === 'info') return encoder.info;
  return task.kind === 'images' ? encoder.images(task.pictures) : encoder.texts(task.texts);
}
