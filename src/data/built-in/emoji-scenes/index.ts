import { createHash } from 'node:crypto';
import { Random } from '../../../math/index.js';
import type { Box, Example, ImageTextDataset, RawImage } from '../../dataset.js';
import { openEmoji } from '../emoji/index.js';
import { remembered } from '../image-cache.js';
import { compose } from './compose.js';
import { describe } from './describe.js';
import { drawScene, type Scene, side } from './scene.js';
import { spritesOf } from './sprites.js';
import { things } from './things.js';

/** Raised when scenes, captions or their drawing change. */
const revision = 1;

/** Scenes of each split. Their drawings come from the same split of `emoji`: the test scenes' were never trained on. */
const sizes: Readonly<Record<string, number>> = { train: 5000, val: 500, test: 1000, novel: 500 };

/**
 * The built-in scenes: one to four emoji drawings before a background, with five captions that name the things, their
 * number, colour, relation and the background, and a box of each thing as COCO has them. 128 × 128 pixels, composed when
 * they are read. The classes are those of `emoji`, and name boxes, not images; `novel` scenes show novel classes.
 */
export async function openEmojiScenes(): Promise<ImageTextDataset> {
  return (await openScenes()).dataset;
}

/** The same with what each image shows, by its id. */
export async function openScenes(): Promise<{ dataset: ImageTextDataset; scenes: ReadonlyMap<string, Scene> }> {
  const emoji = await openEmoji();
  const scenes = new Map<string, Scene>();
  const splits: Record<string, Example[]> = {};
  for (const [split, size] of Object.entries(sizes)) {
    const byName = await spritesOf(emoji, split, things);
    const names = [...byName.keys()].sort();
    splits[split] = Array.from({ length: size }, (_, i) => {
      const id = `${split}/${String(i).padStart(4, '0')}`;
      const scene = drawScene(new Random('emoji-scenes', split, i), names, byName);
      scenes.set(id, scene);
      return { id, captions: describe(scene), boxes: scene.groups.flatMap((group) => group.things.map(boxOf)) };
    });
  }
  const { classes } = emoji;
  const read = readDrawings(emoji);
  const sum = createHash('sha256').update(JSON.stringify([revision, emoji.fingerprint, splits]));
  const dataset: ImageTextDataset = {
    name: 'emoji-scenes',
    kind: 'drawings',
    classes,
    splits,
    skipped: emoji.skipped,
    fingerprint: `emoji-scenes-${sum.digest('hex').slice(0, 16)}`,
    load: remembered(({ id }) => compose(scenes.get(id)!, read)),
  };
  return { dataset, scenes };
}

function boxOf({ sprite, left, top, width, height }: Scene['groups'][number]['things'][number]): Box {
  return { label: sprite.label, at: [left / side, top / side, width / side, height / side] };
}

function readDrawings(emoji: ImageTextDataset): (id: string) => Promise<RawImage> {
  // A drawing is found by its id alone.
  return (id) => emoji.load({ id, captions: [] });
}
