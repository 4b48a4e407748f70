import type { Random } from '../math/index.js';

/** A background's colour at a place; x and y from 0 to 1, the colour written to `out`. */
export type Background = (x: number, y: number, out: Float64Array) => void;

export const white: Background = (_x, _y, out) => {
  out[0] = out[1] = out[2] = 255; // `fill` is slower for three
};

/** White (two times in five), one random colour, or a gradient between two in a random direction. */
export function randomBackground(random: Random): Background {
  const kind = random.float();
  if (kind < 0.4) return white;
  const colour = () => Array.from({ length: 3 }, () => random.uniform(0, 255));
  const from = colour();
  if (kind < 0.7) return (_x, _y, out) => void out.set(from);
  const to = colour();
  const angle = random.uniform(0, 2 * Math.PI);
  const [dx, dy] = [Math.cos(angle) / Math.SQRT2, Math.sin(angle) / Math.SQRT2];
  return (x, y, out) => {
    const at = 0.5 + (x - 0.5) * dx + (y - 0.5) * dy;
    for (let c = 0; c < 3; c++) out[c] = from[c]! + (to[c]! - from[c]!) * at;
  };
}
