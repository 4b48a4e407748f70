import { LRUCache } from 'lru-cache';
import type { Example, RawImage } from '../dataset.js';

/** Bytes of composed images that are kept. */
const room = 512 << 20;

/** Images that are composed when they are read, kept from one epoch to the next: composing takes milliseconds. */
export function remembered(load: (example: Example) => Promise<RawImage>): (example: Example) => Promise<RawImage> {
  const known = new LRUCache<string, RawImage>({ maxSize: room, sizeCalculation: ({ data }) => data.byteLength });
  return async (example) => {
    const kept = known.get(example.id);
    if (kept) return kept;
    const made = await load(example);
    known.set(example.id, made);
    return made;
  };
}
