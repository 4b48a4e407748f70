import type { ModelFile } from '../model-file.js';
import type { AskResult, Backend, Calls, Device, ImageResult, Loaded, Reply, Request } from '../worker/protocol.js';

export type { AskResult, Backend, Device, ImageResult, ModelFile };

export interface EngineOptions {
  /** The folder that `promptkd web` wrote. @defaultValue where this script lies */
  readonly base?: string;
  /** @defaultValue `auto`: WASM, or WebGPU where that was measured to be faster */
  readonly device?: Device;
  readonly onProgress?: (done: number, total: number) => void;
}

/** An exported model in this browser, in a worker of its own. */
export interface Engine {
  readonly model: ModelFile;
  readonly backend: Backend;
  /** An image's embedding, not normalised; a bitmap is used up. @throws where it is no image */
  embedImage(image: Blob | ImageBitmap): Promise<ImageResult>;
  /** Texts → [texts, width], not normalised. */
  embedTexts(texts: readonly string[]): Promise<Float32Array>;
  /** A question about the last image, where the page has a head for that. @throws for a question without an image */
  ask(question: string): Promise<AskResult>;
  close(): void;
}

/**
 * Opens the model of a page's folder. The page is built on this module; other pages may import it, too.
 *
 * @example
 * const { openEngine } = await import('./engine.js');
 * const engine = await openEngine();
 * const { embedding } = await engine.embedImage(file);
 */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const { base = new URL(/* @vite-ignore */ '.', import.meta.url).href, device = 'auto', onProgress } = options;
  const worker = new Worker(new URL('../worker/inference.ts', import.meta.url), { type: 'module' });
  const open = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let next = 0;
  const fail = (error: Error) => {
    for (const { reject } of open.values()) reject(error);
    open.clear();
  };
  worker.addEventListener('error', (event) => fail(new Error(event.message || 'The inference worker did not start.')));
  worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
    if ('progress' in data) return onProgress?.(data.progress.done, data.progress.total);
    const call = open.get(data.id);
    open.delete(data.id);
    if ('error' in data) call?.reject(new Error(data.error));
    else call?.resolve(data.value);
  });
  const call = <Name extends keyof Calls>(
    name: Name,
    args: Parameters<Calls[Name]>,
    transfer: Transferable[] = [],
  ): Promise<ReturnType<Calls[Name]>> =>
    new Promise((resolve, reject) => {
      const id = next++;
      open.set(id, { resolve: resolve as (value: unknown) => void, reject });
      worker.postMessage({ id, name, args } as Request, transfer);
    });
  let loaded: Loaded;
  try {
    loaded = await call('load', [base, device]);
  } catch (error) {
    worker.terminate();
    throw error;
  }
  return {
    ...loaded,
    embedImage: (image) => call('image', [image], image instanceof ImageBitmap ? [image] : []),
    embedTexts: (texts) => call('texts', [texts]),
    ask: (question) => call('ask', [question]),
    close() {
      worker.terminate();
      fail(new Error('The engine was closed.'));
    },
  };
}
