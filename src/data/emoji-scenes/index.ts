import { createHash } from 'node:crypto';
import { Random } from '../../math/index.js';
import type { Box, Example, ImageTextDataset, Picture } from '../dataset.js';
import { openEmoji } from '../emoji/index.js';
import { isLabelled } from '../examples-of.js';
import { compose } from './compose.js';
import { describe } from './describe.js';
import { drawScene, type Scene, type Sprite, side } from './scene.js';
import { things } from './things.js';

/** Raised when scenes, captions or their drawing change. */
const revision = 1;

/** Scenes of each split. Their drawings come from the same split of `emoji`: the test scenes' were never trained on. */
const sizes: Readonly<Record<string, number>> = { train: 5000, val: 500, test: 1000, novel: 500 };

/**
 * The built-in scenes: one to four emoji drawings before a background, with five captions that name the things, their
 * number, colour, relation and the background, and a box of each thing as COCO has them. 128 × 128 pixels, composed when
 * they are read. The classes are those of `emoji`, and name boxes, not pictures; `novel` scenes show novel classes.
 */
export async function openEmojiScenes(): Promise<ImageTextDataset> {
  const emoji = await openEmoji();
  const scenes = new Map<string, Scene>();
  const splits: Record<string, Example[]> = {};
  for (const [split, size] of Object.entries(sizes)) {
    const byName = await spritesOf(emoji, split);
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
  return {
    name: 'emoji-scenes',
    classes,
    splits,
    skipped: emoji.skipped,
    fingerprint: `emoji-scenes-${sum.digest('hex').slice(0, 16)}`,
    load: ({ id }) => compose(scenes.get(id)!, read),
  };
}

function boxOf({ sprite, left, top, width, height }: Scene['groups'][number]['things'][number]): Box {
  return { label: sprite.label, at: [left / side, top / side, width / side, height / side] };
}

function readDrawings(emoji: ImageTextDataset): (id: string) => Promise<Picture> {
  // A drawing is found by its id alone.
  return (id) => emoji.load({ id, captions: [] });
}

/** The drawings of a split's things, by concept. */
async function spritesOf(emoji: ImageTextDataset, split: string): Promise<Map<string, Sprite[]>> {
  const byName = new Map<string, Sprite[]>();
  for (const example of emoji.splits[split]!.filter(isLabelled)) {
    const { name } = emoji.classes[example.label]!;
    if (!things.has(name)) continue;
    const sprite = { id: example.id, label: example.label, name, trim: trimOf(await emoji.load(example)) };
    const known = byName.get(name);
    if (known) known.push(sprite);
    else byName.set(name, [sprite]);
  }
  return byName;
}

/** The least rectangle with all that is not nearly transparent. */
function trimOf({ width, height, data }: Picture): Sprite['trim'] {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[(y * width + x) * 4 + 3]! < 16) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
  }
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}
