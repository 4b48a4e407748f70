import { createHash } from 'node:crypto';
import { UserError } from '../../errors.js';
import { Random } from '../../math/index.js';
import type { Example, ImageTextDataset, LabelledExample } from '../dataset.js';
import { examplesOf, labelledOf } from './examples-of.js';

/** Which part of a split a run trains on. */
export interface Subset {
  /** Share of the images of every class, above 0 and at most 1. */
  readonly fraction?: number;
  /** How many times as many images the largest class has as the smallest, at least 1. */
  readonly imbalance?: number;
}

/**
 * The data with a split cut down: made long-tailed first, then to a stratified fraction. All else stays as it is; without
 * either it is the data itself.
 *
 * @throws UserError where the split cannot be cut so
 */
export function withSubset(
  dataset: ImageTextDataset,
  split: string,
  { fraction = 1, imbalance = 1 }: Subset,
  seed: number,
): ImageTextDataset {
  let examples = examplesOf(dataset, split);
  const all = examples.length;
  if (imbalance !== 1) examples = longTail(labelledOf(dataset, split), imbalance);
  if (fraction !== 1) examples = stratified(examples, fraction, seed);
  if (examples.length === all) return dataset;
  if (examples.length === 0) {
    throw new UserError(
      `data.fraction: ${fraction} of the ${all} images of ${dataset.name}/${split} is none; raise it`,
    );
  }
  const sum = createHash('sha256').update(JSON.stringify([split, examples.map(({ id }) => id)]));
  return {
    ...dataset,
    splits: { ...dataset.splits, [split]: examples },
    fingerprint: `${dataset.fingerprint}-${sum.digest('hex').slice(0, 8)}`,
  };
}

/**
 * A share of the images, spread evenly over the classes: the images stand class by class, each class in an order by
 * lot, and are taken at even steps (systematic sampling). A class of n keeps ⌊share · n⌋ or ⌈share · n⌉, all together
 * share · N rounded; images without a class count as one class. Returned in their own order.
 *
 * @param share above 0, at most 1
 */
export function stratified<E extends Example>(examples: readonly E[], share: number, seed: number): E[] {
  const byClass = new Map<number, E[]>();
  for (const example of examples) {
    const label = example.label ?? -1;
    const own = byClass.get(label);
    if (own) own.push(example);
    else byClass.set(label, [example]);
  }
  // The classes too stand by lot: otherwise neighbours in the list would share their luck in every draw.
  const labels = new Random(seed, 'fraction').shuffle([...byClass.keys()].sort((a, b) => a - b));
  const line = labels.flatMap((label) => new Random(seed, 'fraction', label).shuffle(byClass.get(label)!));
  const count = Math.round(share * line.length);
  const kept = new Set(Array.from({ length: count }, (_, i) => line[Math.floor(((i + 0.5) * line.length) / count)]!));
  return examples.filter((example) => kept.has(example));
}

/**
 * A long-tailed subset as CIFAR-LT is made (Cui et al., arXiv 1901.05555): the class at place c of C keeps
 * n₁ · factor^(−c/(C − 1)) images, rounded, n₁ those of the largest class; or all where it has no more. Classes stand
 * from the largest to the smallest, of equal ones by lot. The lot depends on the data alone, so that every run and every
 * report has the same tail.
 *
 * @param factor n₁ over the smallest class's images, at least 1
 * @throws UserError where the largest class has fewer images than `factor`
 */
export function longTail(examples: readonly LabelledExample[], factor: number): LabelledExample[] {
  const byClass = new Map<number, LabelledExample[]>();
  for (const example of examples) byClass.set(example.label, [...(byClass.get(example.label) ?? []), example]);
  const labels = new Random('long-tail').shuffle([...byClass.keys()].sort((a, b) => a - b));
  labels.sort((a, b) => byClass.get(b)!.length - byClass.get(a)!.length);
  const most = byClass.get(labels[0]!)!.length;
  if (most < factor) {
    throw new UserError(
      `imbalance ${factor}: the largest class has ${most} images, so that the smallest would have none; choose at most ${most}`,
    );
  }
  const kept = new Set<LabelledExample>();
  for (const [place, label] of labels.entries()) {
    const own = byClass.get(label)!;
    const size = Math.round(most * factor ** (-place / Math.max(1, labels.length - 1)));
    for (const example of new Random('long-tail', label).shuffle(own).slice(0, size)) kept.add(example);
  }
  return examples.filter((example) => kept.has(example));
}
