import sharp from 'sharp';
import { type Example, examplesOf, type ImageTextDataset, type RawImage } from '../data/index.js';
import { UserError } from '../errors.js';
import { Random } from '../math/index.js';
import type { PageOptions } from './page-folder.js';

/** Longest edge of a sample image, in pixels: enough for any encoder's input. */
const longest = 512;

/**
 * Sample images of a data set for a page: of its test split where it has one, otherwise of its last, and of different
 * classes where there are that many. Images that cannot be read are passed over.
 *
 * @throws UserError where no image of the split can be read
 */
export async function sampleImages(dataset: ImageTextDataset, count = 3): Promise<NonNullable<PageOptions['samples']>> {
  const split = dataset.splits.test ? 'test' : Object.keys(dataset.splits).at(-1)!;
  const shuffled = new Random('page samples', dataset.name).shuffle(examplesOf(dataset, split));
  const seen = new Set<number>();
  const isFirst = ({ label }: Example) => label === undefined || (!seen.has(label) && seen.add(label));
  const firsts = shuffled.filter(isFirst);
  const rest = shuffled.filter((example) => !firsts.includes(example));
  const samples: { bytes: Uint8Array; extension: 'png' | 'jpg' }[] = [];
  for (const example of [...firsts, ...rest]) {
    if (samples.length === count) break;
    try {
      samples.push(await encoded(await dataset.load(example)));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  if (samples.length === 0) throw new UserError(`${dataset.name}: no image of the split ${split} can be read`);
  return samples;
}

/** Small images as they are, large ones as JPEG. */
async function encoded({ data, width, height, channels }: RawImage) {
  const image = sharp(data, { raw: { width, height, channels } }).flatten({ background: '#fff' });
  if (Math.max(width, height) <= 128) return { bytes: await image.png().toBuffer(), extension: 'png' as const };
  const resized = image.resize(longest, longest, { fit: 'inside', withoutEnlargement: true });
  return { bytes: await resized.jpeg({ quality: 90 }).toBuffer(), extension: 'jpg' as const };
}
