import type { Random } from '../../../math/index.js';
import { fractalNoise, valueNoise } from './noise.js';
import type { Colour, Texture } from './textures.js';

/** What can be wrong with a surface. */
export const flawKinds = ['scratch', 'hole', 'stain', 'dent', 'missing part', 'misprint'] as const;
export type FlawKind = (typeof flawKinds)[number];

/** One flaw on a surface of `side` pixels. */
export interface Flaw {
  /** How much of the place it changes, from 0 to 1; above a half the place counts as defective. */
  cover(x: number, y: number): number;
  /** The colour of a covered place. @param out the sound surface's, changed in place */
  paint(x: number, y: number, out: Colour): void;
}

/**
 * A flaw by lot.
 *
 * @param area wanted share of the image
 */
export function drawFlaw(kind: FlawKind, texture: Texture, area: number, side: number, random: Random): Flaw {
  return makers[kind](texture, area * side * side, side, random);
}

type Maker = (texture: Texture, pixels: number, side: number, random: Random) => Flaw;

const makers: Readonly<Record<FlawKind, Maker>> = {
  scratch(_, pixels, side, random) {
    const width = random.uniform(2.2, 5);
    const length = Math.min(1.3 * side, Math.max(20, pixels / width));
    const points = curve(length, side, random);
    const light = random.float() < 0.5 ? 0.35 : 1.6;
    const cover = (x: number, y: number) => step(distanceTo(points, x, y), width / 2);
    return { cover, paint: (_x, _y, out) => toned(out, light, light > 1 ? 30 : 0) };
  },
  hole(_, pixels, side, random) {
    const { depth } = blob(pixels, side, random);
    const rim = random.uniform(1.15, 1.4);
    return {
      cover: (x, y) => step(depth(x, y), 0),
      paint(x, y, out) {
        const inside = -depth(x, y);
        if (inside < 2) toned(out, rim, 0);
        else {
          const dark = 14 + 10 * Math.min(1, 4 / inside);
          out.fill(dark);
        }
      },
    };
  },
  stain(_, pixels, side, random) {
    const { depth } = blob(pixels, side, random);
    const cloud = fractalNoise(random, 3);
    const tint = random.pick<Colour>([
      [0.55, 0.42, 0.3],
      [0.45, 0.45, 0.5],
      [0.8, 0.6, 0.35],
    ]);
    return {
      cover: (x, y) => Math.min(1, Math.max(0, -depth(x, y) / 4 + 0.5)),
      paint(x, y, out) {
        const strength = 0.65 + 0.35 * cloud(x / 20, y / 20);
        for (let c = 0; c < 3; c++) out[c] = out[c]! * (1 - strength * (1 - tint[c]!));
      },
    };
  },
  dent(_, pixels, side, random) {
    const { depth, radius } = blob(pixels, side, random);
    const angle = random.uniform(0, 2 * Math.PI);
    const [lx, ly] = [Math.cos(angle), Math.sin(angle)];
    // A smooth hollow: 1 in the middle, level at its edge.
    const height = (x: number, y: number) => {
      const t = Math.min(1, Math.max(0, -depth(x, y) / radius));
      return t * t * (3 - 2 * t);
    };
    return {
      cover: (x, y) => step(depth(x, y), 0),
      paint(x, y, out) {
        const slope = (height(x + 1, y) - height(x - 1, y)) * lx + (height(x, y + 1) - height(x, y - 1)) * ly;
        toned(out, 1 - 0.14 * height(x, y) + Math.max(-0.35, Math.min(0.4, 0.3 * radius * slope)), 0);
      },
    };
  },
  'missing part': (texture, pixels, side, random) => {
    const part = texture.parts && random.pick(texture.parts);
    const ratio = random.uniform(0.5, 2);
    const [width, height] = part ? [part[2], part[3]] : [Math.sqrt(pixels * ratio), Math.sqrt(pixels / ratio)];
    const left = part ? part[0] : random.uniform(2, Math.max(3, side - width - 2));
    const top = part ? part[1] : random.uniform(2, Math.max(3, side - height - 2));
    const ragged = valueNoise(random);
    const rough = part ? 0 : 4;
    return {
      cover(x, y) {
        const inside = Math.min(x - left, y - top, left + width - x, top + height - y);
        return step(rough * (ragged(x / 6, y / 6) - 0.5) - inside, 0);
      },
      paint: (x, y, out) => texture.under(x, y, out),
    };
  },
  misprint(texture, pixels, side, random) {
    const ratio = random.uniform(0.6, 1.7);
    const [width, height] = [Math.sqrt(pixels * ratio), Math.sqrt(pixels / ratio)];
    const left = random.uniform(2, Math.max(3, side - width - 2));
    const top = random.uniform(2, Math.max(3, side - height - 2));
    const [dx, dy, light] = [random.uniform(9, 40), random.uniform(9, 40), random.uniform(0.84, 0.92)];
    return {
      cover: (x, y) => step(-Math.min(x - left, y - top, left + width - x, top + height - y), 0),
      paint(x, y, out) {
        // The pattern stands turned by a quarter and out of its place.
        texture.at(y + dy, x + dx, out);
        toned(out, light, 0);
      },
    };
  },
};

const step = (distance: number, edge: number) => Math.min(1, Math.max(0, edge - distance + 0.5));

function toned(out: Colour, light: number, more: number): void {
  for (let c = 0; c < 3; c++) out[c] = out[c]! * light + more;
}

/** A blob with an uneven edge. @returns the distance to its edge in pixels, about, below 0 inside */
function blob(pixels: number, side: number, random: Random) {
  const radius = Math.sqrt(pixels / Math.PI);
  const margin = Math.min(side / 2, radius * 1.1 + 2);
  const [cx, cy] = [random.uniform(margin, side - margin), random.uniform(margin, side - margin)];
  const [stretch, turn] = [random.uniform(0.75, 1.33), random.uniform(0, Math.PI)];
  const edge = valueNoise(random);
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const depth = (x: number, y: number) => {
    const u = ((x - cx) * cos + (y - cy) * sin) * Math.sqrt(stretch);
    const v = ((y - cy) * cos - (x - cx) * sin) / Math.sqrt(stretch);
    const angle = Math.atan2(v, u);
    const uneven = 0.82 + 0.36 * edge(3 + 1.7 * Math.cos(angle), 3 + 1.7 * Math.sin(angle));
    return Math.hypot(u, v) - radius * uneven;
  };
  return { radius, depth };
}

type Point = readonly [x: number, y: number];

/** A line that bends a little, in pieces of some pixels. */
function curve(length: number, side: number, random: Random): Point[] {
  const pieces = Math.max(2, Math.round(length / 10));
  let angle = random.uniform(0, 2 * Math.PI);
  const bend = random.uniform(-0.12, 0.12);
  const path: Point[] = [[0, 0]];
  for (let i = 0; i < pieces; i++) {
    const [x, y] = path.at(-1)!;
    path.push([x + (Math.cos(angle) * length) / pieces, y + (Math.sin(angle) * length) / pieces]);
    angle += bend + random.uniform(-0.1, 0.1);
  }
  // Its middle lies on the image.
  const [mx, my] = path[pieces >> 1]!;
  const [cx, cy] = [random.uniform(0.3, 0.7) * side, random.uniform(0.3, 0.7) * side];
  return path.map(([x, y]) => [x - mx + cx, y - my + cy]);
}

function distanceTo(points: readonly Point[], x: number, y: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 1; i < points.length; i++) {
    const [x0, y0] = points[i - 1]!;
    const [a, b] = [points[i]![0] - x0, points[i]![1] - y0];
    const t = Math.min(1, Math.max(0, ((x - x0) * a + (y - y0) * b) / (a * a + b * b)));
    best = Math.min(best, (x - x0 - t * a) ** 2 + (y - y0 - t * b) ** 2);
  }
  return Math.sqrt(best);
}
