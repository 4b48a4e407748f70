import { textWidth } from './axes.js';

/** A rectangle in a drawing. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A point that gets a label. */
export interface Anchor {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

/** Where a label stands: the middle of its text. */
export interface PlacedLabel {
  readonly x: number;
  /** Of the text's baseline. */
  readonly y: number;
  readonly box: Box;
  /** It stands so far from its point that a line should join them. */
  readonly far: boolean;
}

const dot = 7;
/** Above, below, to the sides, then at the corners. */
const directions = [
  [0, -1],
  [0, 1],
  [1, 0],
  [-1, 0],
  [1, -1],
  [-1, -1],
  [1, 1],
  [-1, 1],
] as const;
const distances = [10, 16, 24, 34, 46, 60, 76, 94, 114, 136];

/**
 * Places labels beside their points so that none covers another, a point or an obstacle: for each in turn the nearest
 * free place, above it first. Where there is none, it stands where the least is covered.
 *
 * @param bounds that labels keep to
 */
export function placeLabels(
  anchors: readonly Anchor[],
  bounds: Box,
  obstacles: readonly Box[],
  fontSize: number,
): PlacedLabel[] {
  const taken: Box[] = [...obstacles, ...anchors.map(({ x, y }) => around(x, y, dot, dot))];
  return anchors.map(({ x, y, text }) => {
    const [half, tall] = [textWidth(text, fontSize) / 2 + 2, fontSize / 2 + 2];
    let best: { box: Box; covered: number; far: boolean } | undefined;
    for (const distance of distances) {
      for (const [dx, dy] of directions) {
        const centreX = clamp(x + dx * (dx === 0 ? 0 : half + distance), bounds.left + half, bounds.right - half);
        const centreY = clamp(y + dy * (dy === 0 ? 0 : tall + distance - 4), bounds.top + tall, bounds.bottom - tall);
        const box = around(centreX, centreY, half, tall);
        const covered = taken.reduce((sum, other) => sum + overlap(box, other), 0);
        if (!best || covered < best.covered) best = { box, covered, far: distance > 16 };
        if (covered === 0) break;
      }
      if (best!.covered === 0) break;
    }
    const { box, far } = best!;
    taken.push(box);
    return { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 + fontSize * 0.35, box, far };
  });
}

/** Boxes along a line through some points, so that no label covers it. */
export function alongPath(points: readonly (readonly [x: number, y: number])[]): Box[] {
  return points.slice(1).flatMap(([x1, y1], i) => {
    const [x0, y0] = points[i]!;
    const parts = Math.max(1, Math.ceil(Math.hypot(x1 - x0, y1 - y0) / 6));
    return Array.from({ length: parts }, (_, k) => {
      const share = (k + 0.5) / parts;
      return around(x0 + share * (x1 - x0), y0 + share * (y1 - y0), 4, 3);
    });
  });
}

const around = (x: number, y: number, half: number, tall: number): Box => ({
  left: x - half,
  top: y - tall,
  right: x + half,
  bottom: y + tall,
});

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

const clamp = (x: number, low: number, high: number) => Math.max(low, Math.min(high, x));
