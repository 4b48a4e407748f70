import { UserError } from '../errors.js';
import type { FileContent } from './atomic.js';
import { readBytes } from './bytes.js';
import { floatToHalf, halfToFloat } from './half.js';

const magic = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
/** The data begins at a multiple of it. */
const alignment = 64;

/** A matrix as a file of NumPy has it. */
export interface NpyMatrix {
  readonly shape: readonly [rows: number, width: number];
  readonly data: Float32Array;
}

/**
 * A matrix as the content of a `.npy` file (NumPy's format 1.0, in C order).
 *
 * @param dtype `f16` is rounded to nearest
 */
export function npyContent({ shape, data }: NpyMatrix, dtype: 'f16' | 'f32'): FileContent {
  const descr = dtype === 'f16' ? '<f2' : '<f4';
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`;
  const length = Math.ceil((magic.length + 2 + text.length + 1) / alignment) * alignment - magic.length - 2;
  const header = Buffer.alloc(2);
  header.writeUInt16LE(length);
  const values = dtype === 'f16' ? floatToHalf(data) : data;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return [magic, header, Buffer.from(`${text.padEnd(length - 1)}\n`, 'latin1'), bytes];
}

/**
 * Reads a matrix of float16 or float32 numbers from a `.npy` file.
 *
 * @throws UserError naming the file where it cannot be read, or holds something else
 */
export async function readNpy(path: string): Promise<NpyMatrix> {
  const bytes = await readBytes(path);
  const wrong = (what: string) => new UserError(`${path}: expected a matrix of float16 or float32 numbers, ${what}`);
  if (bytes.length < magic.length + 2 || !bytes.subarray(0, 6).equals(magic.subarray(0, 6))) {
    throw wrong('this is no file of NumPy');
  }
  const [lengthBytes, length] = bytes[6] === 1 ? [2, bytes.readUInt16LE(8)] : [4, bytes.readUInt32LE(8)];
  const start = 8 + lengthBytes + length;
  const header = bytes.toString('latin1', 8 + lengthBytes, start);
  const [, descr] = /'descr': '(<f[24])'/.exec(header) ?? [];
  const [, rows, width] = /'shape': \((\d+), (\d+)\)/.exec(header) ?? [];
  if (!descr || rows === undefined || width === undefined || header.includes("'fortran_order': True")) {
    throw wrong(`its header says ${header.trim().slice(0, 120)}`);
  }
  const shape = [Number(rows), Number(width)] as const;
  const count = shape[0] * shape[1];
  const size = descr === '<f2' ? 2 : 4;
  if (bytes.length - start !== count * size) throw wrong(`it has ${bytes.length - start} bytes for ${count} of them`);
  // A copy: the numbers may begin at any place of the file's bytes.
  const own = new Uint8Array(bytes.subarray(start)).buffer;
  return { shape, data: size === 2 ? halfToFloat(new Uint16Array(own)) : new Float32Array(own) };
}
