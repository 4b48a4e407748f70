/**
 * How a matrix is stored:
 *
 * - `nf4`: 4 bits, the 16 values of NormalFloat (Dettmers et al. 2023, QLoRA, appendix E), blocks of 64 in row-major order,
 *   their scales in FP8 under one factor (double quantisation)
 * - `codebook`: as `nf4`, with 16 values fitted to the matrix
 * - `int4`, `int4-sym`: 4 bits, evenly spaced, blocks of 32 along a row, with and without a zero point; scales in binary16
 * - `int8`: 8 bits, evenly spaced and symmetric, a scale a row
 * - `fp8`: E4M3, one scale
 * - `fp32`: as it is
 */
export const schemes = ['nf4', 'codebook', 'int4', 'int4-sym', 'int8', 'fp8', 'fp32'] as const;
/** A weight format. */
export type Scheme = (typeof schemes)[number];
/** A scheme of codes and scales. */
export type CodedScheme = Exclude<Scheme, 'fp32'>;

/** Elements that share a scale: how many there are of one row or of the whole matrix, in row-major order. */
type BlockRule = { readonly size: number; readonly along: 'matrix' | 'row' } | 'row' | 'matrix';

interface SchemeRule {
  readonly bits: 4 | 8;
  readonly blocks: BlockRule;
  /** How a block's scale is stored. */
  readonly scales: 'float8' | 'half' | 'float';
}

export const rules: Readonly<Record<CodedScheme, SchemeRule>> = {
  nf4: { bits: 4, blocks: { size: 64, along: 'matrix' }, scales: 'float8' },
  codebook: { bits: 4, blocks: { size: 64, along: 'matrix' }, scales: 'float8' },
  int4: { bits: 4, blocks: { size: 32, along: 'row' }, scales: 'half' },
  'int4-sym': { bits: 4, blocks: { size: 32, along: 'row' }, scales: 'half' },
  int8: { bits: 8, blocks: 'row', scales: 'float' },
  fp8: { bits: 8, blocks: 'matrix', scales: 'float' },
};

/** Which block each element of a matrix is in. */
export interface Blocks {
  readonly count: number;
  /** Block of the element at a place in row-major order. */
  of(index: number): number;
}

/** Elements of a block of a scheme whose blocks are of one size. */
export function blockSize(scheme: CodedScheme): number {
  const rule = rules[scheme].blocks;
  if (typeof rule === 'string') throw new Error(`blockSize: blocks of ${scheme} are as large as the weight`);
  return rule.size;
}

/** Rows and columns of a weight: what stands behind the first axis is one row. */
export function matrixSize(shape: readonly number[]): { rows: number; columns: number } {
  const rows = shape[0] ?? 1;
  return { rows, columns: shape.slice(1).reduce((a, b) => a * b, 1) };
}

/** The blocks of a weight under a scheme. */
export function blocksOf(scheme: CodedScheme, shape: readonly number[]): Blocks {
  const { rows, columns } = matrixSize(shape);
  const rule = rules[scheme].blocks;
  if (rule === 'matrix') return { count: 1, of: () => 0 };
  if (rule === 'row') return { count: rows, of: (index) => Math.floor(index / columns) };
  const { size, along } = rule;
  if (along === 'matrix') return { count: Math.ceil((rows * columns) / size), of: (index) => Math.floor(index / size) };
  const each = Math.ceil(columns / size);
  return {
    count: rows * each,
    of: (index) => Math.floor(index / columns) * each + Math.floor((index % columns) / size),
  };
}

/** Bytes of a weight as it is stored, without names and padding. */
export function storedBytes(scheme: Scheme, shape: readonly number[]): number {
  const size = shape.reduce((a, b) => a * b, 1);
  if (scheme === 'fp32') return size * 4;
  const { bits, scales } = rules[scheme];
  const { count } = blocksOf(scheme, shape);
  const each = { float8: 1, half: 2, float: 4 }[scales];
  const more = (scales === 'float8' ? 4 : 0) + (scheme === 'codebook' ? 64 : 0);
  return Math.ceil((size * bits) / 8) + count * each + more + (scheme === 'int4' ? Math.ceil(count / 2) : 0);
}
