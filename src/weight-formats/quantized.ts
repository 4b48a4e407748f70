import type { HostTensor } from '../tensor/index.js';
import { fitCodebook } from './codebook.js';
import { type Grid, type GridOptions, gridFor, rounder, squaredError } from './grid.js';
import { blocksOf, type CodedScheme, matrixSize } from './schemes.js';

/** A weight in few bits: the values it may take, and which of them each element takes. */
export interface QuantizedTensor extends Grid {
  /** One code an element, row-major. */
  readonly codes: Uint8Array;
}

/** Each element takes the grid's nearest value. */
export function roundTo(grid: Grid, { data }: HostTensor): QuantizedTensor {
  const { blockOf, nearest } = rounder(grid);
  const codes = new Uint8Array(data.length);
  for (let i = 0; i < codes.length; i++) codes[i] = nearest(data[i]!, blockOf(i));
  return { ...grid, codes };
}

/** The weight's values as they are stored, float32. */
export function dequantize(tensor: QuantizedTensor): HostTensor<Float32Array> {
  const { blockOf, value } = rounder(tensor);
  const data = new Float32Array(tensor.codes.length);
  for (let i = 0; i < data.length; i++) data[i] = value(tensor.codes[i]!, blockOf(i));
  return { shape: tensor.shape, data };
}

/**
 * A weight in a scheme, each element at the nearest value of its grid.
 *
 * @throws where the weight is no matrix
 * @example
 * const weight = { shape: [64, 64], data: new Float32Array(4096).map(Math.random) };
 * const stored = dequantize(quantizeTensor(weight, 'nf4'));
 */
export function quantizeTensor(weight: HostTensor, scheme: CodedScheme, options: GridOptions = {}): QuantizedTensor {
  return roundTo(weightGrid(weight, scheme, options), weight);
}

/**
 * The grid for a weight; a codebook is fitted where its scheme has one and none is given. With `search` it never leaves
 * a larger squared error, weighted by `energy`, than without.
 */
export function weightGrid(weight: HostTensor, scheme: CodedScheme, options: GridOptions = {}): Grid {
  if (weight.shape.length < 2) throw new Error(`quantizeTensor: expected a matrix, got [${weight.shape.join(', ')}]`);
  if (scheme !== 'codebook') return gridFor(weight, scheme, options);
  if (options.codebook) return gridFor(weight, scheme, options);
  const fitted = (search: boolean | undefined) =>
    gridFor(weight, scheme, { ...options, search, codebook: fitTo(weight, { ...options, search }) });
  const grid = fitted(options.search);
  if (!options.search) return grid;
  // A codebook is fitted to NF4's scales: those that suit NF4 best may suit it less than the widest.
  const widest = fitted(false);
  const error = (one: Grid) => squaredError(one, weight.data, options.energy);
  return error(grid) <= error(widest) ? grid : widest;
}

/** Fits a codebook to a weight's elements, each over the scale that `nf4` would give its block. */
function fitTo(weight: HostTensor, { search, energy }: GridOptions): Float32Array {
  const { scales } = gridFor(weight, 'nf4', { search, energy });
  const blocks = blocksOf('nf4', weight.shape);
  const { columns } = matrixSize(weight.shape);
  const scale = (i: number) => scales.values[blocks.of(i)]!;
  const { data } = weight;
  const numbers = Float32Array.from(data, (value, i) => Math.min(1, Math.max(-1, value / scale(i))));
  return fitCodebook(
    numbers,
    Float32Array.from(data, (_, i) => scale(i) ** 2 * (energy ? energy[i % columns]! : 1)),
  );
}
