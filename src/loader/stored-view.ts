import { type AugmentOptions, drawMix } from '../augment/index.js';
import type { Example } from '../data/index.js';
import { Random } from '../math/index.js';
import type { PlainView, View } from './view.js';

/**
 * View `number` of an example: the teacher's targets and the student's input are of the same pixels, whether they are
 * stored or made as they are needed. A mixed view's other image is any of the list, in its own view of that number.
 */
export function storedView(
  examples: readonly Example[],
  example: number,
  number: number,
  size: number,
  { augment, seed }: { readonly augment: AugmentOptions; readonly seed: number },
): View {
  const plain = (index: number): PlainView => ({ example: index, key: [seed, 'view', examples[index]!.id, number] });
  const random = new Random(seed, 'mix', examples[example]!.id, number);
  const mix = augment.mix && drawMix(augment.mix, size, random);
  return { ...plain(example), ...(mix && { mixed: { with: plain(random.int(examples.length)), mix } }) };
}
