import type { Random } from '../../math/index.js';
import type { HostTensor, Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';

/** Tokens of a Vision Transformer: the class token, then rows × columns patches. */
export type Grid = readonly [rows: number, columns: number];

/**
 * Token features carried to another patch grid: the class token as it is, the patches interpolated bilinearly.
 *
 * @param x [B, 1 + h·w, D]
 * @returns [B, 1 + H·W, D]
 */
export function regridTokens(x: Tensor, from: Grid, to: Grid): Tensor {
  if (from[0] === to[0] && from[1] === to[1]) return x;
  const tokens = x.shape[1] as number;
  const patches = t.interpolateGrid(t.slice(x, 1, 1, tokens), from, to); // [B, H·W, D]
  return t.concat([t.slice(x, 1, 0, 1), patches], 1);
}

/**
 * Features of one token with mean 0 and variance 1: (x − mean) / √(variance + 1e-5) over the last axis.
 *
 * Deep layers of a residual stream are many times larger than early ones; without this the deepest pair
 * would be the whole loss.
 */
export function standardize(x: Tensor): Tensor {
  const width = x.shape[x.shape.length - 1] as number;
  const ones = { shape: [width], data: new Float32Array(width).fill(1) };
  const zeros = { shape: [width], data: new Float32Array(width) };
  return t.layerNorm(x, t.constant(ones), t.constant(zeros), 1e-5);
}

/** One student feature, what it should be, and the matrix between their widths. */
export interface FeaturePair {
  student: Tensor; // [..., D_s]
  teacher: Tensor; // [..., D_t], same leading dims
  map?: Tensor; // M [D_s, D_t]; left out: the identity, between equal widths
}

/**
 * ‖F_s M − F_t‖² / elements of one pair. No gradient goes into F_t.
 *
 * @returns scalar
 */
export function featureDistance({ student, teacher, map }: FeaturePair): Tensor {
  const mapped = map ? t.matmul(student, map, { full: true }) : student; // [..., D_t]
  return t.mean(t.square(t.sub(mapped, t.stopGradient(teacher))));
}

/**
 * Final embeddings as features: √P · e / ‖e‖. Only their direction counts in CLIP, and with elements of variance 1
 * they weigh as much as a standardised hidden feature.
 *
 * @param embed [B, P]
 */
export function embeddingFeature(embed: Tensor): Tensor {
  return t.mul(t.l2Normalize(embed), Math.sqrt(embed.shape[1] as number));
}

/** The feature loss: the mean of ‖F_s M − F_t‖² / elements over all pairs. */
export function featureLoss(pairs: readonly FeaturePair[]): Tensor {
  if (pairs.length === 0) throw new RangeError('featureLoss: expected at least one pair, got none');
  const total = pairs.map(featureDistance).reduce((a, b) => t.add(a, b));
  return t.mul(total, 1 / pairs.length);
}

/** A fresh M [from, to]: the identity between equal widths, and otherwise normal with variance 1 / from. */
export function initFeatureMap(from: number, to: number, random: Random): HostTensor {
  const data = new Float32Array(from * to);
  if (from === to) for (let i = 0; i < from; i++) data[i * to + i] = 1;
  else for (let i = 0; i < data.length; i++) data[i] = random.normal() / Math.sqrt(from);
  return { shape: [from, to], data };
}
