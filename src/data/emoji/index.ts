import type { ImageTextDataset } from '../dataset.js';
import { renderedEmoji } from './render.js';

export { type Edition, editions } from './editions.js';

/**
 * The built-in set: twelve editions of emoji by seven artists, drawings of the same concepts with names and keywords
 * from CLDR. Rendered at 64×64 with transparent background, and cached after the first time.
 */
export async function openEmoji(): Promise<ImageTextDataset> {
  const { classes, splits, skipped, fingerprint, read } = await renderedEmoji();
  return { name: 'emoji', classes, splits, skipped, fingerprint, load: ({ id }) => read(id) };
}
