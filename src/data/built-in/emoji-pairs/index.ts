import { createHash } from 'node:crypto';
import { Random } from '../../../math/index.js';
import type { Example, ImageTextDataset } from '../../dataset.js';
import { openEmoji } from '../emoji/index.js';
import { type Sprite, spritesOf } from '../emoji-scenes/sprites.js';
import { remembered } from '../image-cache.js';
import { draw, layOut, type PairImage } from './draw.js';
import { objects } from './objects.js';
import { allPairs, type Pair } from './pairs.js';

export { allPairs, type Pair } from './pairs.js';

/** Raised when pairs, images or captions change. */
const revision = 1;

/** Images of each pair of a split, the pairs' kind, and the split of `emoji` whose drawings they show. */
const splitPlan: Readonly<Record<string, SplitPlan>> = {
  train: { each: 40, novel: false, drawings: 'train' },
  val: { each: 5, novel: false, drawings: 'val' },
  test: { each: 6, novel: false, drawings: 'test' },
  novel: { each: 18, novel: true, drawings: 'test' },
  style: { each: 5, novel: false, drawings: 'style' },
};
interface SplitPlan {
  readonly each: number;
  readonly novel: boolean;
  readonly drawings: Drawings;
}
type Drawings = 'train' | 'val' | 'test' | 'style';

/**
 * The built-in compositional classes: 48 objects × 12 attributes, as MIT-States, UT-Zappos and C-GQA have them. A quarter of
 * the pairs is `novel`: attribute and object are both seen in training, but never together. 64 × 64 pixels, drawn when they
 * are read: a drawing of the built-in set at any size and place before a plain background. No drawing of `test`, `novel`
 * and `val` is in `train`; `style` shows an artist whom `train` does not know. Training images of novel pairs are kept aside, for
 * recipes that distil on unlabelled images of all classes, as the CVPR 2024 one.
 */
export async function openEmojiPairs(): Promise<ImageTextDataset> {
  const emoji = await openEmoji();
  const drawings = await drawingsOf(emoji);
  const pairs = allPairs();
  const images = new Map<string, PairImage>();
  const examplesOf = (split: string, { each, novel, drawings: from }: SplitPlan): Example[] =>
    pairs.flatMap((pair, label) =>
      pair.novel !== novel
        ? []
        : Array.from({ length: each }, (_, i) => {
            const id = `${split}/${pair.name}/${i}`;
            const own = drawings[from].get(pair.object)!;
            const image = layOut(pair.attribute.look, own, new Random('emoji-pairs', id));
            images.set(id, image);
            return { id, label, captions: captionsOf(pair), artist: image.sprites[0]!.artist };
          }),
    );
  const splits = Object.fromEntries(Object.entries(splitPlan).map(([split, plan]) => [split, examplesOf(split, plan)]));
  const aside = { train: examplesOf('train', { ...splitPlan.train!, novel: true }) };
  const classes = pairs.map(({ name, novel }) => ({ name, novel }));
  const sum = createHash('sha256').update(JSON.stringify([revision, emoji.fingerprint, classes, splits]));
  return {
    name: 'emoji-pairs',
    kind: 'drawings',
    classes,
    splits,
    aside,
    skipped: emoji.skipped,
    fingerprint: `emoji-pairs-${sum.digest('hex').slice(0, 16)}`,
    load: remembered(({ id }) => draw(images.get(id)!, (drawing) => emoji.load({ id: drawing, captions: [] }))),
  };
}

/** The objects' drawings by split: of those that `emoji` keeps for its test, the first of each object is for `val`. */
async function drawingsOf(emoji: ImageTextDataset): Promise<Record<Drawings, ReadonlyMap<string, readonly Sprite[]>>> {
  const wanted = new Set(objects);
  const [train, kept, style] = await Promise.all(
    ['train', 'test', 'style'].map((split) => spritesOf(emoji, split, wanted)),
  );
  const part = (from: number, to?: number) =>
    new Map([...kept!].map(([name, sprites]) => [name, sprites.slice(from, to)] as const));
  return { train: train!, val: part(0, 1), test: part(1), style: style! };
}

function captionsOf({ name }: Pair): string[] {
  return [`a drawing of ${name}`, name, `a small picture of ${name}`, `an icon of ${name}`, `${name}, emoji`];
}
