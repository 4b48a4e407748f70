import type { Example, ImageTextDataset } from '../dataset.js';
import { longestCaption } from '../labels/caption.js';
import { classCounts } from '../labels/class-counts.js';
import { isLabelled } from '../splits/examples-of.js';

/** Something that looks wrong with a data set. */
export interface Finding {
  readonly kind:
    | 'broken'
    | 'leakage'
    | 'contradiction'
    | 'duplicate'
    | 'tiny'
    | 'no-caption'
    | 'cut-caption'
    | 'untrained-class'
    | 'imbalance'
    | 'remark';
  readonly message: string;
  /** How many images or classes. */
  readonly count: number;
  /** A few of them. */
  readonly examples: readonly string[];
}

/** An image whose shorter side has fewer pixels shows little. */
const tinySide = 32;
/** Above it, a split counts as imbalanced. */
const highRatio = 10;
const shown = 5;

/** An image and its split. */
export interface Placed {
  readonly split: string;
  readonly example: Example;
}

/** An image as it was looked at. */
export interface Seen extends Placed {
  /** Of its pixels; left out where it cannot be decoded, as `fault` then says. */
  readonly hash?: string;
  readonly width: number;
  readonly height: number;
  readonly fault?: string;
}

/** What looks wrong: broken images, leakage from training, duplicates, tiny images, captions, classes. */
export function findFaults(dataset: ImageTextDataset, all: readonly Placed[], seen: readonly Seen[]): Finding[] {
  const finding = (kind: Finding['kind'], message: string, examples: readonly string[]): Finding[] =>
    examples.length === 0 ? [] : [{ kind, message, count: examples.length, examples: examples.slice(0, shown) }];
  const ids = (some: readonly Placed[]) => some.map(({ example }) => example.id);
  const broken = seen.filter(({ fault }) => fault !== undefined);
  const tiny = seen.filter(({ fault, width, height }) => fault === undefined && Math.min(width, height) < tinySide);
  const bare = all.filter(({ example }) => example.captions.length === 0);
  const cut = all.filter(({ example }) => example.captions.some((text) => text.length > 0.95 * longestCaption));
  const { leaks, contradictions, repeats } = sameContent(dataset, seen);
  return [
    ...finding(
      'broken',
      'images that cannot be decoded',
      broken.map(({ fault }) => fault!),
    ),
    ...finding('leakage', 'images outside train that are also in train', leaks),
    ...finding('contradiction', 'images that are the same and have different classes', contradictions),
    ...finding('duplicate', 'images that are there already', repeats),
    ...finding('tiny', `images with a side of fewer than ${tinySide} pixels`, ids(tiny)),
    ...finding('no-caption', 'images without a caption, as others have one', bare.length < all.length ? ids(bare) : []),
    ...finding('cut-caption', `captions of about ${longestCaption} characters, where longer ones are cut`, ids(cut)),
    ...finding('untrained-class', 'classes without an image in train, though not kept novel', untrained(dataset)),
    ...finding(
      'imbalance',
      `splits whose largest class has over ${highRatio} times the smallest’s images`,
      skewed(dataset),
    ),
    ...(dataset.remarks ?? []).map((remark): Finding => ({ kind: 'remark', ...remark })),
  ];
}

/** Images with the same pixels, each named with the one that came before. */
function sameContent(dataset: ImageTextDataset, seen: readonly Seen[]) {
  const groups = new Map<string, Seen[]>();
  for (const one of seen) {
    if (one.hash === undefined) continue;
    const group = groups.get(one.hash);
    if (group) group.push(one);
    else groups.set(one.hash, [one]);
  }
  const [leaks, contradictions, repeats]: string[][] = [[], [], []];
  const nameOf = ({ split, example }: Placed) => `${split}/${example.id}`;
  for (const group of groups.values()) {
    if (group.length === 1) continue;
    const trained = group.find(({ split }) => split === 'train');
    const first = trained ?? group[0]!;
    const className = ({ example }: Placed) =>
      isLabelled(example) ? dataset.classes[example.label]!.name : 'no class';
    for (const one of group) {
      if (one === first) continue;
      const pair = `${nameOf(one)} = ${nameOf(first)}`;
      if (trained && one.split !== 'train') leaks!.push(pair);
      else repeats!.push(pair);
      if (one.example.label !== first.example.label)
        contradictions!.push(`${pair}: ${className(one)}, ${className(first)}`);
    }
  }
  return { leaks: leaks!, contradictions: contradictions!, repeats: repeats! };
}

function untrained({ classes, splits }: ImageTextDataset): string[] {
  const trained = new Set((splits.train ?? []).map(({ label }) => label));
  const labelled = [...trained].some((label) => label !== undefined);
  return classes.flatMap(({ name, novel }, label) => (labelled && !novel && !trained.has(label) ? [name] : []));
}

function skewed({ splits }: ImageTextDataset): string[] {
  return Object.entries(splits).flatMap(([split, examples]) => {
    const counts = [...classCounts(examples).values()];
    return Math.max(...counts) > highRatio * Math.min(...counts) ? [split] : [];
  });
}
