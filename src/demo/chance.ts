import { type Example, examplesOf, type ImageTextDataset, labelledOf } from '../data/index.js';
import type { ChanceLevels } from '../report/index.js';
import type { Measures } from './measure.js';

/**
 * What guessing reaches on a split: of C classes one is right, and five of them with top-5; of all pairs of an image and
 * a caption those that belong together are right, in either direction of retrieval.
 */
export function chanceLevels(
  { dataset, captions = dataset }: Pick<Measures, 'dataset' | 'captions'>,
  split: string,
  classes: number,
): ChanceLevels {
  const pairing = pairedShare(examplesOf(captions, split));
  const unseen = novelClasses(dataset);
  const [base, novel] = [1 / classes, 1 / unseen];
  return {
    top1: base,
    top5: Math.min(1, 5 / classes),
    r1ImageToText: pairing,
    r1TextToImage: pairing,
    ...(unseen > 0 && { novel, harmonic: (2 * base * novel) / (base + novel) }),
  };
}

/** How many classes the split `novel` has images of. */
export const novelClasses = (dataset: ImageTextDataset): number =>
  dataset.splits.novel ? new Set(labelledOf(dataset, 'novel').map(({ label }) => label)).size : 0;

/** Share of the pairs of an image and a different caption that belong together. */
function pairedShare(examples: readonly Example[]): number | undefined {
  const captioned = examples.map(({ captions }) => new Set(captions)).filter(({ size }) => size > 0);
  const texts = new Set(captioned.flatMap((own) => [...own])).size;
  return texts === 0 ? undefined : captioned.reduce((sum, own) => sum + own.size, 0) / (captioned.length * texts);
}
