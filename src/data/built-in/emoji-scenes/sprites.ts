import type { ImageTextDataset, RawImage } from '../../dataset.js';
import { isLabelled } from '../../splits/examples-of.js';

/** A drawing of the built-in set, with the part of it that is not transparent. */
export interface Sprite {
  /** Its id in the built-in set. */
  readonly id: string;
  readonly label: number;
  readonly name: string;
  readonly artist?: string;
  readonly trim: { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
}

/** The drawings of a split's concepts, those that are wanted, by name. */
export async function spritesOf(
  emoji: ImageTextDataset,
  split: string,
  wanted: ReadonlySet<string>,
): Promise<Map<string, Sprite[]>> {
  const byName = new Map<string, Sprite[]>();
  for (const example of emoji.splits[split]!.filter(isLabelled)) {
    const { name } = emoji.classes[example.label]!;
    if (!wanted.has(name)) continue;
    const { id, label, artist } = example;
    const sprite = { id, label, name, artist, trim: trimOf(await emoji.load(example)) };
    const known = byName.get(name);
    if (known) known.push(sprite);
    else byName.set(name, [sprite]);
  }
  return byName;
}

/** The least rectangle with all that is not nearly transparent. */
function trimOf({ width, height, data }: RawImage): Sprite['trim'] {
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
