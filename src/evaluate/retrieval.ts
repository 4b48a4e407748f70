import { UserError } from '../errors.js';
import { dot, dots, type Interval, type Rows, selectRows, wilson } from '../math/index.js';

/** Share of queries with at least one right answer among the best k. */
export type Recall = Readonly<Record<'r1' | 'r5' | 'r10', Interval>>;

/** Recall from images to texts and from texts to images. */
export interface Retrieval {
  readonly images: number;
  /** Texts that are sought, and among which is sought. */
  readonly texts: number;
  readonly imageToText: Recall;
  readonly textToImage: Recall;
}

/** Means over folds of a test set. */
export interface FoldRetrieval {
  readonly folds: number;
  /** Of each fold. */
  readonly images: number;
  readonly imageToText: Readonly<Record<keyof Recall, number>>;
  readonly textToImage: Readonly<Record<keyof Recall, number>>;
}

/** Images between two looks at what else is to be done. */
const pause = 32;

/**
 * Image-to-text and text-to-image recall at 1, 5 and 10 (Karpathy and Fei-Fei 2015): a query counts where any of its
 * right answers is among the best k. Of equal answers the one that stands first is the better.
 *
 * Equal captions are one text of several images where they are given as one row, and a text each where they are given as
 * a row each, as CLIP_benchmark's `zeroshot_retrieval.py` has them: then the caption of another image is wrong even if it
 * says the same.
 *
 * @param images unit rows
 * @param texts unit rows
 * @param captions for each image its texts' rows, at least one; a text may belong to several images
 */
export async function retrieval(
  images: Rows,
  texts: Rows,
  captions: readonly (readonly number[])[],
): Promise<Retrieval> {
  const rightImages: number[][] = Array.from({ length: texts.count }, () => []);
  for (const [i, own] of captions.entries()) for (const t of own) rightImages[t]!.push(i);
  // How many answers are better than a query's best right one.
  const imageRanks = new Int32Array(images.count);
  const textRanks = new Int32Array(texts.count);
  const bestImage = rightImages.map((right, t) => best(right, (i) => dot(images, i, texts, t)));
  const scores = new Float64Array(texts.count);
  for (let i = 0; i < images.count; i++) {
    dots(images, i, texts, scores);
    const right = best(captions[i]!, (t) => scores[t]!);
    for (let t = 0; t < texts.count; t++) {
      if (isBetter(scores[t]!, t, right)) imageRanks[i]!++;
      if (isBetter(scores[t]!, i, bestImage[t]!)) textRanks[t]!++;
    }
    // Large sets take a while: let Ctrl-C and progress through.
    if (i % pause === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return {
    images: images.count,
    texts: texts.count,
    imageToText: recall(imageRanks),
    textToImage: recall(textRanks),
  };
}

interface Candidate {
  readonly index: number;
  readonly score: number;
}

const isBetter = (score: number, index: number, than: Candidate) =>
  score > than.score || (score === than.score && index < than.index);

function best(indices: readonly number[], scoreOf: (index: number) => number): Candidate {
  let found: Candidate = { index: Number.POSITIVE_INFINITY, score: Number.NEGATIVE_INFINITY };
  for (const index of indices) {
    const score = scoreOf(index);
    if (isBetter(score, index, found)) found = { index, score };
  }
  return found;
}

function recall(ranks: Int32Array): Recall {
  const within = (k: number) => wilson(ranks.filter((rank) => rank < k).length, ranks.length);
  return { r1: within(1), r5: within(5), r10: within(10) };
}

/**
 * Recall as Karpathy and Fei-Fei report COCO's 1k: the test set is cut, in its order, into folds of as many images, each
 * is searched with its own captions alone, and the recalls are averaged. Five folds of 5,000 images are 1,000 each;
 * images left over by an uneven cut are left out.
 *
 * @throws UserError where there are more folds than images
 */
export async function foldRetrieval(
  images: Rows,
  texts: Rows,
  captions: readonly (readonly number[])[],
  folds: number,
): Promise<FoldRetrieval> {
  const size = Math.floor(images.count / folds);
  if (size === 0) throw new UserError(`folds: expected at most ${images.count}, the captioned images, got ${folds}`);
  const found: Retrieval[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const own = Array.from({ length: size }, (_, i) => fold * size + i);
    const pool = [...new Set(own.flatMap((i) => captions[i]!))];
    const place = new Map(pool.map((row, i) => [row, i]));
    const mapped = own.map((i) => captions[i]!.map((row) => place.get(row)!));
    found.push(await retrieval(selectRows(images, own), selectRows(texts, pool), mapped));
  }
  const mean = (of: (one: Retrieval) => Recall) => {
    const average = (k: keyof Recall) => found.reduce((sum, one) => sum + of(one)[k].value, 0) / folds;
    return { r1: average('r1'), r5: average('r5'), r10: average('r10') };
  };
  return {
    folds,
    images: size,
    imageToText: mean((one) => one.imageToText),
    textToImage: mean((one) => one.textToImage),
  };
}
