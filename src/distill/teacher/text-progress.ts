/** How the reading of texts is watched and stopped. */
export interface TextProgress {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Between blocks of texts: says how many are done, and lets signals be heard, as the runtime blocks this thread.
 *
 * @throws the signal's reason where it is aborted
 */
export async function textsDone(done: number, total: number, { signal, onProgress }: TextProgress): Promise<void> {
  onProgress?.(done, total);
  await new Promise((resolve) => setImmediate(resolve));
  signal?.throwIfAborted();
}
