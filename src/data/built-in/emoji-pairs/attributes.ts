import { type Noun, pluralOf } from '../../../english/index.js';
import { type Paint, paints } from '../emoji-scenes/things.js';

/** How an attribute shows on an image. */
export interface Look {
  readonly paint?: Paint;
  /** Drawn over the object, within its outline. */
  readonly pattern?: 'stripes' | 'spots';
  readonly upsideDown?: boolean;
  /** A dark line around the object. */
  readonly outlined?: boolean;
  /** Objects on the image. @defaultValue 1 */
  readonly count?: number;
  /** Least and largest length of an object, as a share of the image's side. @defaultValue [0.55, 0.85] */
  readonly size?: readonly [number, number];
  /** Colour behind the object; one of the light ones otherwise. */
  readonly background?: string;
}

/** What an object can be: half of a compositional class, as in MIT-States and UT-Zappos. */
export interface Attribute {
  readonly name: string;
  /** The class of the attribute and an object. */
  readonly classOf: (object: Noun) => string;
  readonly look: Look;
}

const before = (name: string, look: Look): Attribute => ({ name, classOf: (object) => `${name} ${object.name}`, look });

const painted = ['red', 'yellow', 'green', 'blue', 'purple'].map((name) =>
  before(name, { paint: paints.find((paint) => paint.name === name)! }),
);

/** Twelve attributes: colour, pattern, outline, orientation, size, count and background. */
export const attributes: readonly Attribute[] = [
  ...painted,
  before('striped', { pattern: 'stripes' }),
  before('spotted', { pattern: 'spots' }),
  before('outlined', { outlined: true }),
  before('upside-down', { upsideDown: true }),
  before('tiny', { size: [0.24, 0.32] }),
  { name: 'two', classOf: (object) => `two ${pluralOf(object)}`, look: { count: 2, size: [0.4, 0.5] } },
  { name: 'at night', classOf: ({ name }) => `${name} at night`, look: { background: '#1d2450' } },
];

/** What stands behind an object unless its attribute says so: none hides a colour or passes for the night. */
export const lightBackgrounds: readonly string[] = ['#ffffff', '#f3efe6', '#e6eef5', '#eeeeee', '#f7e9ee', '#e9f3e6'];
