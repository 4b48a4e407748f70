import { FLOAT8_MAX, float8Values, floatToHalf, halfToFloat, toFloat8 } from '../files/index.js';
import type { HostTensor } from '../tensor/index.js';
import { nearestOf, nf4 } from './codebook.js';
import { type Blocks, blocksOf, type CodedScheme, matrixSize, rules } from './schemes.js';

/** A factor a block, as numbers and as they are stored. */
export type Scales =
  | { readonly kind: 'float8'; readonly values: Float32Array; readonly codes: Uint8Array; readonly factor: number }
  | { readonly kind: 'half'; readonly values: Float32Array; readonly codes: Uint16Array }
  | { readonly kind: 'float'; readonly values: Float32Array };

/** The values that each element of a weight may take: (table[code] − zero of its block) · scale of its block. */
export interface Grid {
  readonly scheme: CodedScheme;
  readonly shape: readonly number[];
  readonly scales: Scales;
  /** A zero point a block, where they differ. */
  readonly zeros?: Uint8Array;
  /** The 16 values of a fitted codebook, rising. */
  readonly codebook?: Float32Array;
}

/** A grid to round to and read from, element by element. */
export interface Rounder {
  /** Block of the element at a place in row-major order. */
  blockOf(index: number): number;
  /** Code of a block's value nearest to `value`. */
  nearest(value: number, block: number): number;
  value(code: number, block: number): number;
}

const TOP = { int4: 15, 'int4-sym': 15, int8: 255 } as const;
const MIDDLE = { 'int4-sym': 8, int8: 128 } as const;

/** Reads a grid element by element. */
export function rounder(grid: Grid): Rounder {
  const { scheme, shape, zeros } = grid;
  const { of: blockOf } = blocksOf(scheme, shape);
  const scales = grid.scales.values;
  if (scheme === 'fp8') {
    const table = float8Values();
    const scale = scales[0]!;
    return { blockOf, nearest: (value) => toFloat8(value / scale), value: (code) => table[code]! * scale };
  }
  if (scheme === 'nf4' || scheme === 'codebook') {
    const table = grid.codebook ?? nf4;
    const nearest = nearestOf(table);
    return {
      blockOf,
      nearest: (value, block) => nearest(value / scales[block]!),
      value: (code, block) => table[code]! * scales[block]!,
    };
  }
  const top = TOP[scheme];
  const zero = (block: number) => (scheme === 'int4' ? zeros![block]! : MIDDLE[scheme]);
  return {
    blockOf,
    nearest: (value, block) => Math.min(top, Math.max(0, Math.round(value / scales[block]! + zero(block)))),
    value: (code, block) => (code - zero(block)) * scales[block]!,
  };
}

/** How the values of a weight format are fitted to a weight. */
export interface GridOptions {
  /** Of a fitted codebook. */
  readonly codebook?: Float32Array;
  /**
   * Whether each block's scale is chosen among smaller ones too, by the squared error it leaves; otherwise it is what
   * makes the block's largest value the grid's end.
   */
  readonly search?: boolean;
  /** What an error in each column costs, in that choice: the mean square of what it is multiplied by. All alike without. */
  readonly energy?: Float32Array;
}

/** Shares of the largest value that are tried as the grid's end. */
const SHARES = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7];

/** The grid for a weight: its blocks' scales, and zero points where the scheme has them. */
export function gridFor({ shape, data }: HostTensor, scheme: CodedScheme, options: GridOptions = {}): Grid {
  const blocks = blocksOf(scheme, shape);
  const [low, high] = ranges(data, blocks);
  const spans = low.map((value, block) => (scheme === 'int4' ? high[block]! - value : Math.max(-value, high[block]!)));
  const make = (share: number): Grid => {
    const ends = spans.map((span) => span * share);
    const scales = storedScales(scheme, ends);
    const zeros = scheme === 'int4' ? zeroPoints(low, scales.values, share) : undefined;
    return { scheme, shape, scales, zeros, codebook: options.codebook };
  };
  const widest = make(1);
  const fixed = scheme === 'fp8' || scheme === 'int8';
  if (!options.search || fixed) return widest;
  const chosen = bestOf(SHARES.map(make), data, blocks, options.energy);
  // Storing what was chosen, block by block, under one factor may move it.
  return squaredError(chosen, data, options.energy) <= squaredError(widest, data, options.energy) ? chosen : widest;
}

/** Sum of what rounding to a grid changes, squared, each column's weighted by its energy. */
export function squaredError(grid: Grid, data: HostTensor['data'], energy?: Float32Array): number {
  return blockErrors(grid, data, blocksOf(grid.scheme, grid.shape), energy).reduce((sum, error) => sum + error, 0);
}

/** The same for each block. */
function blockErrors(grid: Grid, data: HostTensor['data'], blocks: Blocks, energy?: Float32Array): Float64Array {
  const { columns } = matrixSize(grid.shape);
  const { nearest, value } = rounder(grid);
  const sums = new Float64Array(blocks.count);
  for (let i = 0; i < data.length; i++) {
    const block = blocks.of(i);
    const error = data[i]! - value(nearest(data[i]!, block), block);
    sums[block]! += error * error * (energy ? energy[i % columns]! : 1);
  }
  return sums;
}

/** Smallest and largest value of each block, 0 among them. */
function ranges(data: HostTensor['data'], blocks: Blocks): [Float32Array, Float32Array] {
  const [low, high] = [new Float32Array(blocks.count), new Float32Array(blocks.count)];
  for (let i = 0; i < data.length; i++) {
    const block = blocks.of(i);
    if (data[i]! < low[block]!) low[block] = data[i]!;
    if (data[i]! > high[block]!) high[block] = data[i]!;
  }
  return [low, high];
}

/** Scales that put `ends` at the grid's ends, as they come back from being stored. A block of zeros has scale 1. */
function storedScales(scheme: CodedScheme, ends: Float32Array): Scales {
  const reach = { nf4: 1, codebook: 1, int4: 15, 'int4-sym': 7, int8: 127, fp8: FLOAT8_MAX }[scheme];
  const wanted = ends.map((end) => end / reach);
  const { scales: kind } = rules[scheme];
  if (kind === 'float') return { kind, values: wanted.map((scale) => scale || 1) };
  if (kind === 'half') {
    // A scale that rounds to nothing would lose its block: the least one above nothing is taken.
    const codes = floatToHalf(wanted).map((code, block) => (wanted[block]! === 0 ? 0x3c00 : Math.max(1, code)));
    return { kind, codes, values: halfToFloat(codes) };
  }
  const largest = wanted.reduce((a, b) => Math.max(a, b), 0);
  const factor = Math.fround((largest || 1) / FLOAT8_MAX);
  const table = float8Values();
  const codes = Uint8Array.from(wanted, (scale) => Math.max(1, toFloat8(scale / factor)));
  return { kind, factor, codes, values: Float32Array.from(codes, (code) => table[code]! * factor) };
}

/** The code of 0 in each block. */
function zeroPoints(low: Float32Array, scales: Float32Array, share: number): Uint8Array {
  return Uint8Array.from(low, (value, block) =>
    Math.min(15, Math.max(0, Math.round((-value * share) / scales[block]!))),
  );
}

/** Of several grids, block by block the one that leaves the least weighted squared error. */
function bestOf(grids: readonly Grid[], data: HostTensor['data'], blocks: Blocks, energy?: Float32Array): Grid {
  const errors = grids.map((grid) => blockErrors(grid, data, blocks, energy));
  const choice = Array.from({ length: blocks.count }, (_, block) =>
    errors.reduce((best, sums, g) => (sums[block]! < errors[best]![block]! ? g : best), 0),
  );
  const [first] = grids;
  const pick = <A extends Uint8Array | Uint16Array | Float32Array>(of: (grid: Grid) => A): A => {
    const out = of(first!).slice() as A;
    for (const [block, g] of choice.entries()) out[block] = of(grids[g]!)[block]!;
    return out;
  };
  const zeros = first!.zeros && pick((grid) => grid.zeros!);
  if (first!.scales.kind === 'half') {
    const codes = pick((grid) => (grid.scales as { codes: Uint16Array }).codes);
    return { ...first!, zeros, scales: { kind: 'half', codes, values: halfToFloat(codes) } };
  }
  // Each of the grids has its own factor: the scales chosen are stored anew under one.
  return {
    ...first!,
    zeros,
    scales: storedScales(
      first!.scheme,
      pick((grid) => grid.scales.values),
    ),
  };
}
