import { indefinite, type Noun, pluralOf } from '../../../english/index.js';
import type { Group, Scene } from './scene.js';
import { side } from './scene.js';

/** All can be counted, also a volleyball. */
const thing = (name: string): Noun => ({ name, kind: 'singular' });

const numbers = ['no', 'one', 'two', 'three', 'four'];

/** Five captions of a scene: its things with their number and colour, how they stand to each other, and before what. */
export function describe({ background: { phrase, noun }, groups, relation }: Scene): string[] {
  const [first, second] = groups;
  const a = phraseOf(first!);
  if (!second) {
    const where = placeOf(first!);
    return [
      `${a} ${phrase}`,
      `${counted(first!)} ${where}`,
      `${noun} with ${a}`,
      `a drawing of ${a}, ${where}`,
      `${numberOf(groups)} ${phrase}: ${counted(first!)}`,
    ];
  }
  const b = phraseOf(second);
  const [forward, back] = relation === 'right of' ? ['left of', 'right of'] : ['above', 'below'];
  return [
    `${a} ${forward} ${b} ${phrase}`,
    `${b} ${back} ${a}`,
    `${noun} with ${a} and ${b}`,
    `a drawing of ${b}, ${back} ${a}`,
    `${numberOf(groups)} ${phrase}: ${counted(first!)} and ${counted(second)}`,
  ];
}

/** `a blue cat`, `two red apples`. */
function phraseOf(group: Group): string {
  return group.things.length > 1 ? counted(group) : indefinite(thing(group.name), group.paint?.name);
}

/** `one blue cat`, `two red apples`. */
function counted({ name, paint, things }: Group): string {
  const noun = things.length === 1 ? name : pluralOf(thing(name));
  return [numbers[things.length], paint?.name, noun].filter(Boolean).join(' ');
}

function numberOf(groups: readonly Group[]): string {
  const total = groups.reduce((sum, { things }) => sum + things.length, 0);
  return total === 1 ? 'one thing' : `${numbers[total]} things`;
}

/** Where the middle of a group is: thirds of the scene. */
function placeOf({ things }: Group): string {
  const middle = (of: (one: Group['things'][number]) => number) =>
    things.reduce((sum, one) => sum + of(one), 0) / things.length / side;
  const third = (share: number, names: readonly [string, string, string]) =>
    names[share < 0.4 ? 0 : share > 0.6 ? 2 : 1];
  const row = third(
    middle(({ top, height }) => top + height / 2),
    ['top', '', 'bottom'],
  );
  const column = third(
    middle(({ left, width }) => left + width / 2),
    ['left', '', 'right'],
  );
  if (!row && !column) return 'in the middle';
  return row && column ? `at the ${row} ${column}` : `at the ${row || column}`;
}
