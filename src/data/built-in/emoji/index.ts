import type { ImageTextDataset } from '../../dataset.js';
import { renderedEmoji } from './render.js';
import { type EmojiIndex, emojiIndex, wideEmojiIndex } from './split.js';

export { type Edition, editions } from './editions.js';
export { type DrawnAs, drawnAs, withOutlines } from './outline.js';

/**
 * The built-in set: twelve editions of emoji by seven artists, drawings of the same concepts with names and keywords
 * from CLDR. Rendered at 64×64 with transparent background, and cached after the first time.
 */
export function openEmoji(): Promise<ImageTextDataset> {
  return open('emoji', emojiIndex);
}

/** The same with some thousand drawings more to train a teacher on, of concepts that are no class. */
export function openWideEmoji(): Promise<ImageTextDataset> {
  return open('emoji-wide', wideEmojiIndex);
}

async function open(name: string, choose: () => EmojiIndex): Promise<ImageTextDataset> {
  const { classes, splits, skipped, fingerprint, read } = await renderedEmoji(name, choose);
  return { name, kind: 'drawings', classes, splits, skipped, fingerprint, load: ({ id }) => read(id) };
}
