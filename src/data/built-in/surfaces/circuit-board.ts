import type { Random } from '../../../math/index.js';
import { valueNoise } from './noise.js';
import type { Colour, Texture } from './textures.js';

type Box = readonly [left: number, top: number, width: number, height: number];

/** Chips, and small parts with two ends; all boards of a product have them at the same places. */
const chips: readonly Box[] = [
  [38, 40, 62, 44],
  [150, 128, 70, 70],
];
const small: readonly Box[] = [
  ...[0, 1, 2, 3].map((i): Box => [130 + 28 * i, 30, 12, 26]),
  ...[0, 1, 2].map((i): Box => [30, 118 + 34 * i, 28, 13]),
  ...[0, 1].map((i): Box => [86, 150 + 40 * i, 28, 13]),
  [124, 88, 28, 13],
  [196, 84, 28, 13],
];

/** Copper under green lacquer: levels and falling lines, in steps of 16 pixels. */
const traces: readonly (readonly [x0: number, y0: number, x1: number, y1: number])[] = [
  [0, 16, 255, 16],
  [0, 100, 120, 100],
  [120, 100, 152, 132],
  [69, 84, 69, 118],
  [69, 118, 90, 139],
  [136, 56, 136, 88],
  [164, 56, 164, 128],
  [192, 56, 192, 84],
  [220, 56, 220, 84],
  [58, 124, 86, 152],
  [58, 158, 86, 158],
  [114, 196, 150, 196],
  [114, 156, 150, 156],
  [10, 232, 255, 232],
  [44, 131, 44, 232],
  [236, 16, 236, 232],
];

/** A circuit board: every item shows the same parts, a little moved and turned out of the camera's middle. */
export function circuitBoard(random: Random): Texture {
  const [grain, gloss] = [valueNoise(random), valueNoise(random)];
  const [dx, dy, tone] = [random.uniform(-2.5, 2.5), random.uniform(-2.5, 2.5), random.uniform(0.94, 1.06)];
  const paint = (out: Colour, [r, g, b]: Colour, light: number) => {
    out[0] = r * light * tone;
    out[1] = g * light * tone;
    out[2] = b * light * tone;
  };
  const lacquer = (x: number, y: number, out: Colour) => {
    const light = 0.9 + 0.1 * grain(x, y) + 0.1 * gloss(x / 70, y / 70);
    const copper = traces.some((trace) => distance(x - dx, y - dy, trace) < 2.2);
    paint(out, copper ? [64, 142, 84] : [28, 92, 58], light);
  };
  const moved = ([left, top, width, height]: Box): Box => [left + dx, top + dy, width, height];
  const parts = [...chips, ...small].map(moved);
  return {
    at(x, y, out) {
      for (const [i, box] of parts.entries()) {
        const [left, top, width, height] = box;
        const [u, v] = [x - left, y - top];
        if (i < chips.length) {
          // Legs stand out on both long sides.
          if (u >= -5 && u < width + 5 && v >= 3 && v < height - 3 && (u < 0 || u >= width) && v % 9 < 4) {
            return paint(out, [190, 188, 180], 0.9 + 0.2 * grain(x, y));
          }
          if (u < 0 || v < 0 || u >= width || v >= height) continue;
          if (Math.hypot(u - 7, v - 7) < 3) return paint(out, [84, 84, 88], 1);
          const label =
            v > height / 2 - 5 && v < height / 2 + 5 && u > 14 && u < width - 10 && (u % 7 < 4 || v % 5 < 2);
          return paint(out, label ? [150, 150, 150] : [38, 38, 42], 0.95 + 0.1 * grain(x, y));
        }
        if (u < 0 || v < 0 || u >= width || v >= height) continue;
        const along = width > height ? u / width : v / height;
        const end = along < 0.24 || along > 0.76;
        return paint(out, end ? [196, 192, 182] : i % 2 ? [150, 112, 70] : [60, 58, 60], 0.92 + 0.16 * grain(x, y));
      }
      lacquer(x, y, out);
    },
    under: lacquer,
    parts: parts.map(([left, top, width, height], i) =>
      i < chips.length ? [left - 5, top, width + 10, height] : [left, top, width, height],
    ),
  };
}

function distance(x: number, y: number, [x0, y0, x1, y1]: readonly [number, number, number, number]): number {
  const [a, b] = [x1 - x0, y1 - y0];
  const t = Math.min(1, Math.max(0, ((x - x0) * a + (y - y0) * b) / (a * a + b * b)));
  return Math.hypot(x - x0 - t * a, y - y0 - t * b);
}
