import type { Random } from '../../../math/index.js';
import type { Sprite } from './sprites.js';
import { type Background, backgrounds, type Paint, paints, sceneName } from './things.js';

/** Side of a scene, in pixels. */
export const side = 128;

/** A sprite where it stands, in pixels. */
export interface Placed {
  readonly sprite: Sprite;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Things of one concept and one colour. */
export interface Group {
  readonly name: string;
  readonly paint?: Paint;
  /** Those behind come first. */
  readonly things: readonly Placed[];
}

/** How the second group stands to the first. */
export type Relation = 'right of' | 'below';

export interface Scene {
  readonly background: Background;
  /** One or two; the first is left of or above the second. */
  readonly groups: readonly Group[];
  readonly relation: Relation;
}

/** How many things of each group there are: one to four in all. */
const arrangements: readonly (readonly number[])[] = [
  [1],
  [1],
  [2],
  [3],
  [1, 1],
  [1, 1],
  [1, 1],
  [1, 2],
  [2, 1],
  [1, 3],
  [3, 1],
  [2, 2],
];
const paintedShare = 0.4;
const mostCovered = 0.2;
const tries = 40;

/** A scene by lot. @param byName the sprites of each concept; all drawings of a group are by any hand */
export function drawScene(
  random: Random,
  names: readonly string[],
  byName: ReadonlyMap<string, readonly Sprite[]>,
): Scene {
  const background = random.pick(backgrounds);
  const relation: Relation = random.float() < 0.6 ? 'right of' : 'below';
  const counts = random.pick(arrangements);
  const chosen = random.shuffle(names).slice(0, counts.length);
  const groups = counts.map((count, g): Group => {
    const name = chosen[g]!;
    const standsOut = paints.filter((paint) => !background.hides.includes(paint.name));
    const paint = random.float() < paintedShare ? random.pick(standsOut) : undefined;
    const area = areaOf(g, counts.length, relation);
    const things: Placed[] = [];
    for (let i = 0; i < count; i++) things.push(place(random, random.pick(byName.get(name)!), area, count, things));
    return { name: sceneName(name), ...(paint && { paint }), things };
  });
  return { background, groups, relation };
}

interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The whole scene for one group, or its half. */
function areaOf(group: number, groups: number, relation: Relation): Area {
  if (groups === 1) return { left: 0, top: 0, width: side, height: side };
  const half = side / 2;
  return relation === 'right of'
    ? { left: group * half, top: 0, width: half, height: side }
    : { left: 0, top: group * half, width: side, height: half };
}

/** A place in the area that covers little of what already stands there; smaller ones are tried when it is full. */
function place(random: Random, sprite: Sprite, area: Area, count: number, others: readonly Placed[]): Placed {
  const room = Math.min(area.width, area.height);
  const largest = Math.min(room - 4, count === 1 ? 72 : 52);
  let best: { placed: Placed; covered: number } | undefined;
  for (let i = 0; i < tries; i++) {
    const length = Math.round(random.uniform(0.6, 1) * largest * (1 - i / (2 * tries)));
    const scale = length / Math.max(sprite.trim.width, sprite.trim.height);
    const width = Math.max(1, Math.round(sprite.trim.width * scale));
    const height = Math.max(1, Math.round(sprite.trim.height * scale));
    const left = area.left + 2 + random.int(area.width - width - 3);
    const top = area.top + 2 + random.int(area.height - height - 3);
    const placed = { sprite, left, top, width, height };
    const covered = Math.max(0, ...others.map((other) => overlap(placed, other)));
    if (covered <= mostCovered) return placed;
    if (!best || covered < best.covered) best = { placed, covered };
  }
  return best!.placed;
}

/** Share of the smaller rectangle that both cover. */
function overlap(a: Area, b: Area): number {
  const width = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
  const height = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  return (width * height) / Math.min(a.width * a.height, b.width * b.height);
}
