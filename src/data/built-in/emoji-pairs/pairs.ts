import { Random } from '../../../math/index.js';
import { type Attribute, attributes } from './attributes.js';
import { nounOfObject, objects } from './objects.js';

/** One class: an attribute of an object. */
export interface Pair {
  readonly attribute: Attribute;
  /** Name of the concept in the built-in set. */
  readonly object: string;
  /** As it stands in a prompt: `red cactus`. */
  readonly name: string;
  /** Kept out of all training, though its attribute and its object are both seen in other pairs. */
  readonly novel: boolean;
}

/** Of four pairs of an object, one is novel; each attribute is novel with a quarter of the objects. */
const every = 4;

/** All pairs, object by object: the choice is fixed. */
export function allPairs(): Pair[] {
  const lot = new Random('emoji-pairs', 'novel').shuffle(objects.map((_, i) => i));
  return objects.flatMap((object, o) =>
    attributes.map((attribute, a) => ({
      attribute,
      object,
      name: attribute.classOf(nounOfObject(object)),
      novel: (a + lot[o]!) % every === 0,
    })),
  );
}
