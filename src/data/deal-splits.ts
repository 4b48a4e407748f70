import { Random } from '../random.js';

/** Where data names no splits, these shares are kept for testing and for validation. */
const shares = { test: 0.2, val: 0.1 } as const;
/** Fewer images than these are all trained on, unless whoever brings them names splits. */
const fewest = 5;

/** The rule in words, for whoever reads what came of it. */
export const dealingRule = `no image names a split: by lot, always the same, a fifth is test and a tenth val, spread over the classes; each class keeps one in train; fewer than ${fewest} images are all in train`;

/**
 * Deals images out to `train`, `val` and `test`, as {@link dealingRule} says: the only place where splits are made that the
 * data does not name. Shares are rounded down over the classes so far, so that small classes together give their share;
 * of at least five images one is `test`, and one `val` where a class can spare it.
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
  const kept = lots.map(() => ({ test: 0, val: 0 }));
  if (images.length >= fewest) {
    for (const split of ['test', 'val'] as const) {
      let [seen, given] = [0, 0];
      const spare = (i: number) => lots[i]!.length - kept[i]!.test - kept[i]!.val - 1;
      for (const [i, lot] of lots.entries()) {
        seen += lot.length;
        kept[i]![split] = Math.max(0, Math.min(Math.floor(seen * shares[split] + 1e-9) - given, spare(i)));
        given += kept[i]![split];
      }
      if (given > 0) continue;
      const largest = lots.reduce((best, _, i) => (spare(i) > spare(best) ? i : best), 0);
      if (spare(largest) > 0) kept[largest]![split] = 1;
    }
  }
  return lots.flatMap((lot, i) => {
    const { test, val } = kept[i]!;
    return lot.map((image, at): [string, T] => [at < test ? 'test' : at < test + val ? 'val' : 'train', image]);
  });
}
