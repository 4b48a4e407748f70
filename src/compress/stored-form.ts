import { TensorProto_DataType as Type } from 'onnx-buf';
import { float8Values } from '../files/index.js';
import { bytesOf, type OnnxEmitter, type StoredTensor } from '../tensor/index.js';
import {
  blockSize,
  type CodedScheme,
  matrixSize,
  nf4,
  packHighFirst,
  packLowFirst,
  padRows,
  type QuantizedTensor,
  type Scales,
} from '../weight-formats/index.js';

/**
 * A quantised weight in an ONNX graph, stored in its bits and nothing beside.
 *
 * A linear layer multiplies by `nf4` with MatMulBnb4, by `int4` with MatMulNBits (which may round activations to 8 bits),
 * and by `int8` with DynamicQuantizeLinear and MatMulInteger (which do). Everything else is decoded by standard ops,
 * once, when a session loads the file.
 */
export function storedForm(tensor: QuantizedTensor): StoredTensor {
  const { scheme, shape } = tensor;
  switch (scheme) {
    case 'fp8':
      return { shape, decode: (e, name) => decodeFloat8(e, name, tensor) };
    case 'int8':
      return { shape, decode: (e, name) => decodeInt8(e, name, tensor), product: int8Product(tensor) };
    case 'codebook':
      return { shape, decode: (e, name) => decodeBook(e, name, tensor) };
    case 'nf4':
      return { shape, decode: (e, name) => decodeBook(e, name, tensor), product: nf4Product(tensor) };
    default:
      return { shape, decode: (e, name) => decodeInt4(e, name, tensor), product: int4Product(tensor) };
  }
}

/** Whether a linear layer's product rounds activations to 8 bits where its weight is stored by this scheme. */
export const roundsActivations = (scheme: CodedScheme) =>
  scheme === 'int4' || scheme === 'int4-sym' || scheme === 'int8';

/** Scales, float32 [count]. */
function writeScales(e: OnnxEmitter, name: string, scales: Scales): string {
  return e.once(`scales of ${name}`, () => {
    const made = `${name}.scales`;
    if (scales.kind !== 'float8') {
      const data = scales.kind === 'half' ? scales.codes : scales.values;
      return e.initializer({ shape: [scales.values.length], data } as Parameters<OnnxEmitter['initializer']>[0], made);
    }
    const shares = readFloat8(e, made, [scales.codes.length], scales.codes);
    e.node('Mul', [shares, e.float(scales.factor)], [made]);
    return made;
  });
}

/** FP8 as plain bytes and a table: the builds of ONNX Runtime for browsers with WebGPU cannot cast ONNX's own type of it. */
function readFloat8(e: OnnxEmitter, name: string, shape: readonly number[], codes: Uint8Array): string {
  const table = e.once('values of FP8', () => e.initializer({ shape: [256], data: float8Values() }));
  return lookUp(e, table, e.raw(Type.UINT8, shape, bytesOf(codes), `${name}.codes`));
}

function decodeFloat8(e: OnnxEmitter, name: string, { shape, codes, scales }: QuantizedTensor): void {
  e.node('Mul', [readFloat8(e, name, shape, codes), e.float(scales.values[0]!)], [name]);
}

function decodeInt8(e: OnnxEmitter, name: string, tensor: QuantizedTensor): void {
  const codes = e.raw(Type.INT8, tensor.shape, bytesOf(signed(tensor.codes)), `${name}.codes`);
  e.node('DequantizeLinear', [codes, writeScales(e, name, tensor.scales)], [name], { axis: 0 });
}

const signed = (codes: Uint8Array) => codes.map((code) => code - 128);

/**
 * Activations to 8 bits by their range, whole-number product, and back: x [..., I] → [..., O].
 *
 * Weights are unsigned with 128 for zero: on an x86 without VNNI, ONNX Runtime multiplies unsigned by signed bytes with
 * `vpmaddubsw`, which cuts sums of two products to 16 bits. Unsigned by unsigned is exact everywhere.
 */
function int8Product({ shape, codes, scales }: QuantizedTensor): StoredTensor['product'] {
  return (e, x, name, y) => {
    const { rows, columns } = matrixSize(shape);
    const flipped = new Uint8Array(codes.length);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) flipped[column * rows + row] = codes[row * columns + column]!;
    }
    e.raw(Type.UINT8, [columns, rows], flipped, `${name}.columns`);
    const zero = e.once('zero of INT8', () => e.raw(Type.UINT8, [], Uint8Array.of(128)));
    // Layers that read the same activations share their rounding.
    const rounded = e.once(`rounded ${x}`, () => {
      e.node('DynamicQuantizeLinear', [x], [`${x}.rounded`, `${x}.scale`, `${x}.zero`]);
      return `${x}.rounded`;
    });
    const [sum, plain, scale] = [e.name(), e.name(), e.name()];
    e.node('MatMulInteger', [rounded, `${name}.columns`, `${x}.zero`, zero], [sum]);
    e.node('Cast', [sum], [plain], { to: Type.FLOAT });
    e.node('Mul', [`${x}.scale`, writeScales(e, name, scales)], [scale]);
    e.node('Mul', [plain, scale], [y]);
  };
}

/** Packed codes of a codebook scheme. */
const writeBookCodes = (e: OnnxEmitter, name: string, codes: Uint8Array) =>
  e.once(`codes of ${name}`, () => {
    const packed = packHighFirst(codes);
    return e.raw(Type.UINT8, [packed.length], packed, `${name}.codes`);
  });

function nf4Product({ shape, codes, scales }: QuantizedTensor): StoredTensor['product'] {
  return (e, x, name, y) => {
    const { rows: N, columns: K } = matrixSize(shape);
    const inputs = [x, writeBookCodes(e, name, codes), writeScales(e, name, scales)];
    e.node('MatMulBnb4', inputs, [y], { K, N, block_size: blockSize('nf4'), quant_type: 1 }, 'com.microsoft');
  };
}

/** Both values of every byte of packed codes, [256, 2]: a look-up unpacks and decodes at once. */
function pairTable(e: OnnxEmitter, key: string, first: (byte: number) => number, second: (byte: number) => number) {
  return e.once(`pairs of ${key}`, () =>
    e.initializer({
      shape: [256, 2],
      data: Float32Array.from({ length: 512 }, (_, i) => (i & 1 ? second : first)(i >> 1)),
    }),
  );
}

/** Looks bytes [...] up in a table [256, ...]: one value a byte, or with a table of pairs both values of each. */
function lookUp(e: OnnxEmitter, table: string, bytes: string): string {
  const [places, values] = [e.name(), e.name()];
  e.node('Cast', [bytes], [places], { to: Type.INT32 });
  e.node('Gather', [table, places], [values], { axis: 0 });
  return values;
}

function reshaped(e: OnnxEmitter, x: string, shape: readonly number[], y = e.name()): string {
  e.node('Reshape', [x, e.int64s(shape)], [y]);
  return y;
}

/** The first `count` of an axis. */
function cut(e: OnnxEmitter, x: string, axis: number, count: number): string {
  const y = e.name();
  e.node('Slice', [x, e.int64s([0]), e.int64s([count]), e.int64s([axis])], [y]);
  return y;
}

function decodeBook(e: OnnxEmitter, name: string, { shape, codes, scales, scheme, codebook }: QuantizedTensor): void {
  const book = codebook ?? nf4;
  const table = pairTable(
    e,
    codebook ? name : scheme,
    (byte) => book[byte >> 4]!,
    (byte) => book[byte & 15]!,
  );
  const size = blockSize(scheme);
  const blocks = scales.values.length;
  let values = reshaped(e, lookUp(e, table, writeBookCodes(e, name, codes)), [-1]);
  const missing = blocks * size - 2 * Math.ceil(codes.length / 2);
  if (missing > 0) {
    const whole = e.name();
    e.node('Pad', [values, e.int64s([0, missing])], [whole]);
    values = whole;
  }
  const scaled = e.name();
  e.node(
    'Mul',
    [reshaped(e, values, [blocks, size]), reshaped(e, writeScales(e, name, scales), [blocks, 1])],
    [scaled],
  );
  const flat = reshaped(e, scaled, [-1]);
  reshaped(e, blocks * size === codes.length ? flat : cut(e, flat, 0, codes.length), shape, name);
}

/** Codes in rows of whole blocks and, where there are some, zero points in rows of whole bytes, the lower half first. */
function writeInt4(e: OnnxEmitter, name: string, { shape, codes, scheme, zeros }: QuantizedTensor) {
  const size = matrixSize(shape);
  const block = blockSize(scheme);
  const each = Math.ceil(size.columns / block);
  const coded = e.once(`codes of ${name}`, () => {
    const packed = packLowFirst(padRows(codes, size, block, (at) => zeros?.[at] ?? 8));
    return e.raw(Type.UINT8, [size.rows, each, block / 2], packed, `${name}.codes`);
  });
  const zero =
    zeros &&
    e.once(`zeros of ${name}`, () => {
      const packed = packLowFirst(padRows(zeros, { rows: size.rows, columns: each }, 2, () => 0));
      return e.raw(Type.UINT8, [packed.length], packed, `${name}.zeros`);
    });
  return { coded, zero, each, block, ...size };
}

function int4Product(tensor: QuantizedTensor): StoredTensor['product'] {
  return (e, x, name, y) => {
    const { coded, zero, block, rows: N, columns: K } = writeInt4(e, name, tensor);
    const inputs = [x, coded, writeScales(e, name, tensor.scales), ...(zero ? [zero] : [])];
    const attributes = { K, N, bits: 4, block_size: block, accuracy_level: 4 };
    e.node('MatMulNBits', inputs, [y], attributes, 'com.microsoft');
  };
}

function decodeInt4(e: OnnxEmitter, name: string, tensor: QuantizedTensor): void {
  const { coded, zero, each, block, rows, columns } = writeInt4(e, name, tensor);
  const table = pairTable(
    e,
    'int4',
    (byte) => byte & 15,
    (byte) => byte >> 4,
  );
  const codes = reshaped(e, lookUp(e, table, coded), [rows, each, block]);
  const middle = zero
    ? reshaped(e, cut(e, reshaped(e, lookUp(e, table, zero), [rows, -1]), 1, each), [rows, each, 1])
    : e.float(8);
  const [steps, scaled] = [e.name(), e.name()];
  e.node('Sub', [codes, middle], [steps]);
  e.node('Mul', [steps, reshaped(e, writeScales(e, name, tensor.scales), [rows, each, 1])], [scaled]);
  const whole = reshaped(e, scaled, [rows, each * block]);
  reshaped(e, each * block === columns ? whole : cut(e, whole, 1, columns), tensor.shape, name);
}
