import { LRUCache } from 'lru-cache';
import type { Rows } from '../../math/index.js';
import type { Encoder } from '../encoder/index.js';
import { Batcher, type BatchOptions } from './batcher.js';

/** Bytes of features that are kept. */
const cacheBytes = 64 * 2 ** 20;

/** Text features of one model; texts come again and again, so the last used are kept. */
export class TextFeatures {
  private readonly cache: LRUCache<string, Float32Array>;
  private readonly batcher: Batcher<string, Float32Array>;

  constructor(
    private readonly encoder: Encoder,
    options: BatchOptions,
    onBatch?: (size: number, seconds: number) => void,
  ) {
    // Roughly what a key and an entry take beside the numbers.
    const sizeCalculation = (row: Float32Array, text: string) => row.byteLength + 2 * text.length + 200;
    this.cache = new LRUCache({ maxSize: cacheBytes, sizeCalculation });
    this.batcher = new Batcher(async (texts) => rowsOf(await encoder.texts(texts)), options, onBatch);
  }

  /** Texts that wait. */
  get waiting(): number {
    return this.batcher.waiting;
  }

  /** Unit rows, one a text. */
  async of(texts: readonly string[], signal?: AbortSignal): Promise<Rows> {
    const known = new Map<string, Float32Array>();
    for (const text of texts) {
      const row = this.cache.get(text);
      if (row) known.set(text, row);
    }
    const missing = [...new Set(texts)].filter((text) => !known.has(text));
    if (missing.length > 0) {
      const made = await this.batcher.submit(missing, signal);
      for (const [i, text] of missing.entries()) {
        known.set(text, made[i]!);
        this.cache.set(text, made[i]!);
      }
    }
    const { width } = this.encoder.info;
    const data = new Float32Array(texts.length * width);
    for (const [i, text] of texts.entries()) data.set(known.get(text)!, i * width);
    return { data, count: texts.length, width };
  }
}

/** Each row on its own, so that a kept one does not keep its batch. */
export function rowsOf({ data, count, width }: Rows): Float32Array[] {
  return Array.from({ length: count }, (_, i) => data.slice(i * width, (i + 1) * width));
}
