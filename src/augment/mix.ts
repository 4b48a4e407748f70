import type { Random } from '../math/index.js';

export interface MixOptions {
  /** α of mixup's Beta(α, α), 0: no mixup. */
  readonly mixup: number;
  /** α of CutMix's, 0: no CutMix. With both, a coin decides. */
  readonly cutmix: number;
  /** Probability that a view is mixed at all. */
  readonly probability: number;
}

/** How two views become one. */
export interface Mix {
  /** λ, the share of the first. */
  readonly share: number;
  /** CutMix: the part that comes from the second, from (left, top) up to (right, bottom). Without it, mixup. */
  readonly box?: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
}

/**
 * Draws whether and how two views are mixed: mixup (Zhang et al., arXiv 1710.09412) by λ ~ Beta(α, α), or CutMix (Yun et
 * al., arXiv 1905.04899), where a rectangle of the area 1 − λ is cut at the edges and λ then is what is left.
 */
export function drawMix({ mixup, cutmix, probability }: MixOptions, size: number, random: Random): Mix | undefined {
  if (random.float() >= probability) return undefined;
  const cut = cutmix > 0 && (mixup === 0 || random.float() < 0.5);
  const share = beta(cut ? cutmix : mixup, random);
  if (!cut) return { share };
  const [x, y] = [random.int(size), random.int(size)];
  const half = Math.trunc(0.5 * Math.sqrt(1 - share) * size);
  const box = {
    left: Math.max(0, x - half),
    top: Math.max(0, y - half),
    right: Math.min(size, x + half),
    bottom: Math.min(size, y + half),
  };
  return { share: 1 - ((box.right - box.left) * (box.bottom - box.top)) / (size * size), box };
}

/**
 * Mixes a second view into the first.
 *
 * @param rgb [size, size, 3], changed in place
 * @param other [size, size, 3]
 */
export function mixInto(rgb: Uint8Array, other: Uint8Array, size: number, { share, box }: Mix): void {
  if (!box) {
    for (let i = 0; i < rgb.length; i++) rgb[i] = share * rgb[i]! + (1 - share) * other[i]! + 0.5;
    return;
  }
  for (let y = box.top; y < box.bottom; y++) {
    const [from, to] = [(y * size + box.left) * 3, (y * size + box.right) * 3];
    rgb.set(other.subarray(from, to), from);
  }
}

/** Beta(α, α), as X / (X + Y) of two Gamma(α). */
function beta(alpha: number, random: Random): number {
  const [x, y] = [logGamma(alpha, random), logGamma(alpha, random)];
  return 1 / (1 + Math.exp(y - x));
}

/**
 * The logarithm of a Gamma(α) number (Marsaglia and Tsang 2000; for α < 1 that of α + 1 plus log(U)/α): of small α the
 * number itself would be 0.
 */
function logGamma(alpha: number, random: Random): number {
  if (alpha < 1) return logGamma(alpha + 1, random) + Math.log(1 - random.float()) / alpha;
  const d = alpha - 1 / 3;
  for (;;) {
    const x = random.normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random.float()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}
