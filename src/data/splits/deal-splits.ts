import { Random } from '../../math/index.js';

/** Where data names no splits, these shares are kept for testing and for validation. */
const shares = { test: 0.2, val: 0.1 } as const;
/** A class of fewer images is trained on whole. */
const fewest = 5;
/** Of so many images some are kept out of training, though every class has few. */
const many = 50;

/** The rule in words, for whoever reads what came of it. */
export const dealingRule = `no image names a split, images are assigned at random, the same way each time: of each class with at least ${fewest} images a fifth to test and a tenth (at least one) to val; if all classes are smaller, shares of all images, from ${many} images on`;

/**
 * Deals images out to `train`, `val` and `test`, as {@link dealingRule} says: the only place where splits are made that the
 * data does not name. The shares of a class are rounded down. Small classes together give their share by turns, and each
 * keeps one image for training.
 *
 * @param classOf what images are dealt by; `''` for those without a class
 * @returns image and split, class by class in order of the names
 */
export function dealSplits<T>(images: readonly T[], classOf: (image: T) => string): [split: string, image: T][] {
  const byClass = new Map<string, T[]>();
  for (const image of images) {
    const name = classOf(image);
    const known = byClass.get(name);
    if (known) known.push(image);
    else byClass.set(name, [image]);
  }
  const sorted = [...byClass].sort(([a], [b]) => (a < b ? -1 : 1));
  const lots = sorted.map(([name, own]) => new Random('folder', name).shuffle(own));
  const areSmall = lots.every(({ length }) => length < fewest);
  const kept = !areSmall ? lots.map(ofClass) : images.length < many ? [] : byTurns(lots);
  return lots.flatMap((lot, i) => {
    const { test, val } = kept[i] ?? { test: 0, val: 0 };
    return lot.map((image, at): [string, T] => [at < test ? 'test' : at < test + val ? 'val' : 'train', image]);
  });
}

interface Kept {
  readonly test: number;
  readonly val: number;
}

function ofClass({ length }: readonly unknown[]): Kept {
  if (length < fewest) return { test: 0, val: 0 };
  return { test: Math.floor(length * shares.test), val: Math.max(1, Math.floor(length * shares.val)) };
}

/** Shares of all images so far, less what the classes before gave. */
function byTurns(lots: readonly (readonly unknown[])[]): Kept[] {
  let seen = 0;
  const given = { test: 0, val: 0 };
  return lots.map(({ length }) => {
    seen += length;
    const due = (split: keyof Kept, spare: number) =>
      Math.max(0, Math.min(Math.floor(seen * shares[split]) - given[split], spare));
    const test = due('test', length - 1);
    const val = due('val', length - 1 - test);
    given.test += test;
    given.val += val;
    return { test, val };
  });
}
