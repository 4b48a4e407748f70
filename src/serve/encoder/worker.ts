import { workerData } from 'node:worker_threads';
import type { Rows } from '../../math/index.js';
import type { EncodedImages, EncoderInfo, EncoderOptions, ImageInput } from './encoder.js';
import { LocalEncoder } from './local.js';

/** What a worker is started with. */
export interface WorkerSetup extends EncoderOptions {
  readonly model: string;
}

/** One piece of work for a worker, and what it gives. */
export type Task =
  | { readonly kind: 'info' }
  /** `flags`: one an image, in shared memory; 1 where nobody waits for it any more. */
  | { readonly kind: 'images'; readonly images: readonly ImageInput[]; readonly flags: Int32Array }
  | { readonly kind: 'texts'; readonly texts: readonly string[] }
  | { readonly kind: 'close' };
/** An error's class does not survive the way to another thread: a model that cannot be opened comes as a result. */
export type TaskResult = EncoderInfo | EncodedImages | Rows | { readonly closed: true } | { readonly failed: string };

const { model, ...options } = workerData as WorkerSetup;
const opening = open().catch((error: Error) => ({ failed: error.message }));

/** The first run of a model takes longer than others, and shows whether it runs at all. */
async function open(): Promise<LocalEncoder> {
  const encoder = await LocalEncoder.open(model, options);
  try {
    const { imageSize: side } = encoder.info;
    await encoder.images([{ width: side, height: side, channels: 3, data: new Uint8Array(3 * side * side) }]);
    await encoder.texts(['warm']);
    return encoder;
  } catch (error) {
    await encoder.close();
    throw error;
  }
}

export default async function work(task: Task): Promise<TaskResult> {
  const encoder = await opening;
  if (task.kind === 'close') {
    if (encoder instanceof LocalEncoder) await encoder.close();
    return { closed: true };
  }
  if ('failed' in encoder) return encoder;
  if (task.kind === 'info') return encoder.info;
  if (task.kind === 'texts') return encoder.texts(task.texts);
  const { images, flags } = task;
  return encoder.images(
    images,
    undefined,
    Array.from(flags, (_, i) => ({
      get aborted() {
        return Atomics.load(flags, i) === 1;
      },
    })),
  );
}
