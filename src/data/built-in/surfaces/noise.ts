import type { Random } from '../../../math/index.js';

/** A smooth random field: x, y in cells → [0, 1]. */
export type Field = (x: number, y: number) => number;

const size = 64;

/** Value noise: random numbers at whole places, between them by smoothstep; repeats after 64 cells. */
export function valueNoise(random: Random): Field {
  const lattice = Float32Array.from({ length: size * size }, () => random.float());
  return (x, y) => {
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [smooth(x - left), smooth(y - top)];
    const [x0, y0] = [left & (size - 1), (top & (size - 1)) * size];
    const [x1, y1] = [(left + 1) & (size - 1), ((top + 1) & (size - 1)) * size];
    const above = lattice[y0 + x0]! + u * (lattice[y0 + x1]! - lattice[y0 + x0]!);
    const below = lattice[y1 + x0]! + u * (lattice[y1 + x1]! - lattice[y1 + x0]!);
    return above + v * (below - above);
  };
}

/** Several octaves of {@link valueNoise}, each of twice the frequency and half the weight. */
export function fractalNoise(random: Random, octaves: number): Field {
  const layers = Array.from({ length: octaves }, () => valueNoise(random));
  const total = 2 - 2 ** (1 - octaves);
  return (x, y) => {
    let sum = 0;
    for (let i = 0, scale = 1; i < octaves; i++, scale *= 2) sum += layers[i]!(x * scale, y * scale) / scale;
    return sum / total;
  };
}

const smooth = (t: number) => t * t * (3 - 2 * t);
