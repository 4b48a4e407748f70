export { nf4 } from './codebook.js';
export { type QuantizedFile, readQuantized, writeQuantized } from './file.js';
export { type Grid, type GridOptions, type Rounder, rounder, type Scales } from './grid.js';
export { packHighFirst, packLowFirst, padRows } from './pack.js';
export { dequantize, type QuantizedTensor, quantizeTensor, roundTo, weightGrid } from './quantized.js';
export {
  blockSize,
  blocksOf,
  type CodedScheme,
  matrixSize,
  rules,
  type Scheme,
  schemes,
  storedBytes,
} from './schemes.js';
