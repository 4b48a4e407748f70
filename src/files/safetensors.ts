import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { UserError } from '../errors.js';
import type { HostTensor } from '../tensor/index.js';
import { writeFileAtomic } from './atomic.js';
import { cannotRead, fileFault } from './faults.js';
import { bfloatToFloat, halfToFloat, toHalf } from './half.js';
import { BYTES, parseHeader, type TensorEntry } from './safetensors-header.js';
import { checkSeal, seal, withRoom } from './safetensors-seal.js';

/** A tensor whose elements stand as in a file: bytes, FP8 patterns, or binary16 patterns. */
export type RawTensor =
  | { readonly dtype: 'U8' | 'F8_E4M3'; readonly shape: readonly number[]; readonly data: Uint8Array }
  | { readonly dtype: 'F16'; readonly shape: readonly number[]; readonly data: Uint16Array };

export interface Safetensors {
  readonly tensors: Record<string, HostTensor>;
  /** Those that were asked for as they stand in the file. */
  readonly raw: Record<string, RawTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ReadOptions {
  /** Tensors to leave unread; they are still checked against the file's size. */
  readonly skip?: (name: string) => boolean;
  /** Tensors of type U8, F8_E4M3 or F16 to be read as they stand, given the file's metadata. */
  readonly raw?: (name: string, metadata: Readonly<Record<string, string>>) => boolean;
  /** The file must hold its own checksum (see {@link WriteOptions}), and be as it was written. */
  readonly checksum?: boolean;
}

/** Bytes at a position, from a file or from memory. */
interface Source {
  readonly label: string;
  readonly size: number;
  read(into: Uint8Array, position: number): void;
}

/** Elements converted at a time where the type differs from ours: the file's own bytes are never held whole. */
const CHUNK = 1 << 18;

/**
 * Reads a safetensors file. F32, F16 and BF16 become Float32Array; I32 and I64 become Int32Array.
 *
 * The header is checked whole (sizes, offsets, types, no overlap, no hole) before anything is allocated for
 * data, and F32 data is read straight into its array, so that memory peaks at the tensors' own size.
 * Format: https://huggingface.co/docs/safetensors
 *
 * @throws UserError where the file is truncated or its header lies.
 */
export function readSafetensors(from: string | Uint8Array, options: ReadOptions = {}): Safetensors {
  if (typeof from !== 'string') return readSource(bytesSource(from), options);
  return withFile(from, (source) => readSource(source, options));
}

/** Names, types and shapes of a safetensors file's tensors, checked, without reading their data. */
export function readSafetensorsHeader(path: string): TensorEntry[] {
  return withFile(path, (source) => header(source).entries);
}

/** Opens a file for reading. @throws UserError naming it where the file system refuses */
function withFile<Result>(path: string, read: (source: Source) => Result): Result {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    return read(fileSource(file, path));
  } catch (error) {
    throw fileFault(error) === undefined ? error : cannotRead(path, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function bytesSource(bytes: Uint8Array): Source {
  const read = (into: Uint8Array, position: number) => into.set(bytes.subarray(position, position + into.length));
  return { label: 'safetensors', size: bytes.length, read };
}

function fileSource(file: number, label: string): Source {
  const read = (into: Uint8Array, position: number) => {
    for (let done = 0; done < into.length; ) {
      // One system call reads at most 2 GiB.
      const n = readSync(file, into, done, Math.min(into.length - done, 1 << 30), position + done);
      if (n === 0) throw new UserError(`${label}: the file shrank while it was read`);
      done += n;
    }
  };
  return { label, size: fstatSync(file).size, read };
}

const MAX_HEADER = 100_000_000; // as in the reference implementation

function header(source: Source) {
  const { label, size } = source;
  if (size < 8) {
    throw new UserError(
      `${label}: expected a safetensors file, got ${size} bytes: the file is truncated or not a safetensors file`,
    );
  }
  const lengthBytes = new Uint8Array(8);
  source.read(lengthBytes, 0);
  const length = new DataView(lengthBytes.buffer).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER) || length + 8n > BigInt(size)) {
    throw new UserError(
      `${label}: header: expected at most ${Math.min(MAX_HEADER, size - 8)} bytes in a file of ${size}, got a length of ` +
        `${length}: the file is truncated or not a safetensors file`,
    );
  }
  const text = new Uint8Array(Number(length));
  source.read(text, 8);
  const start = 8 + text.length;
  return { start, ...parseHeader(text, size - start, label) };
}

function readSource(source: Source, options: ReadOptions): Safetensors {
  const { start, entries, metadata } = header(source);
  if (options.checksum) {
    const head = new Uint8Array(start);
    source.read(head, 0);
    checkSeal(head, chunksOf(source, start), metadata, source.label);
  }
  const tensors: Record<string, HostTensor> = {};
  const raw: Record<string, RawTensor> = {};
  for (const entry of entries) {
    if (options.skip?.(entry.name)) continue;
    const asIs = options.raw?.(entry.name, metadata) ? readRaw(source, entry, start) : undefined;
    if (asIs) raw[entry.name] = asIs;
    else tensors[entry.name] = { shape: entry.shape, data: readData(source, entry, start) };
  }
  return { tensors, raw, metadata };
}

/** All bytes from a position on, a part at a time in the same memory. */
function* chunksOf(source: Source, from: number): Generator<Uint8Array> {
  const chunk = new Uint8Array(4 * CHUNK);
  for (let at = from; at < source.size; at += chunk.length) {
    const part = chunk.subarray(0, source.size - at);
    source.read(part, at);
    yield part;
  }
}

/** A tensor as it stands in the file; undefined where it is of a type that is not read so. */
function readRaw(source: Source, { dtype, shape, elements, begin }: TensorEntry, start: number): RawTensor | undefined {
  if (dtype !== 'U8' && dtype !== 'F8_E4M3' && dtype !== 'F16') return undefined;
  if (dtype === 'F16') {
    const data = new Uint16Array(elements);
    source.read(new Uint8Array(data.buffer), start + begin);
    return { dtype, shape, data };
  }
  const data = new Uint8Array(elements);
  source.read(data, start + begin);
  return { dtype, shape, data };
}

function readData(source: Source, entry: TensorEntry, start: number): Float32Array | Int32Array {
  const position = start + entry.begin;
  const n = entry.elements;
  switch (entry.dtype) {
    case 'F32':
    case 'I32': {
      const data = entry.dtype === 'F32' ? new Float32Array(n) : new Int32Array(n);
      source.read(new Uint8Array(data.buffer), position); // little-endian, as every machine that Node runs on
      return data;
    }
    case 'F16':
    case 'BF16': {
      const data = new Float32Array(n);
      const convert = entry.dtype === 'F16' ? halfToFloat : bfloatToFloat;
      chunks(n, (from, count) => {
        const raw = new Uint16Array(count);
        source.read(new Uint8Array(raw.buffer), position + from * 2);
        convert(raw, data, from);
      });
      return data;
    }
    case 'I64': {
      const data = new Int32Array(n);
      chunks(n, (from, count) => {
        const raw = new BigInt64Array(count);
        source.read(new Uint8Array(raw.buffer), position + from * 8);
        for (let i = 0; i < count; i++) {
          const value = Number(raw[i]);
          if (value !== (value | 0)) {
            throw new UserError(`${source.label}: ${entry.name}: expected whole numbers of 32 bits, got ${raw[i]}`);
          }
          data[from + i] = value;
        }
      });
      return data;
    }
    default:
      throw new UserError(
        `${source.label}: ${entry.name}: expected F32, F16, BF16, I32 or I64, got ${entry.dtype}: convert the checkpoint`,
      );
  }
}

function chunks(n: number, visit: (from: number, count: number) => void): void {
  for (let from = 0; from < n; from += CHUNK) visit(from, Math.min(CHUNK, n - from));
}

export interface WriteOptions {
  /** How floats are stored. @defaultValue 'F32' */
  readonly dtype?: 'F32' | 'F16';
  readonly metadata?: Readonly<Record<string, string>>;
  /** Whether `sha256` of the metadata is to hold a checksum of the whole file. */
  readonly checksum?: boolean;
}

/**
 * Writes tensors to a safetensors file, atomically. The same tensors give the same bytes: wide types first, names in
 * code-unit order. Integers are stored as I32.
 *
 * @throws UserError where a finite value does not fit F16, or data and shape disagree.
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, HostTensor | RawTensor>>,
  options: WriteOptions = {},
): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors(tensors, options));
}

/** The file of `writeSafetensors`, part after part: its header, then each tensor's bytes. */
export function* encodeSafetensors(
  tensors: Readonly<Record<string, HostTensor | RawTensor>>,
  { dtype = 'F32', metadata: given, checksum }: WriteOptions = {},
): Generator<Uint8Array> {
  const metadata = checksum ? withRoom(given) : given;
  const typeOf = (tensor: HostTensor | RawTensor) => {
    if ('dtype' in tensor) return tensor.dtype;
    return tensor.data instanceof Int32Array ? 'I32' : dtype;
  };
  const bytesOf = (tensor: HostTensor | RawTensor) => BYTES[typeOf(tensor)];
  const names = Object.keys(tensors).sort((a, b) => {
    const width = bytesOf(tensors[b]!) - bytesOf(tensors[a]!);
    return width || (a < b ? -1 : 1); // wide types before narrow ones, so that each starts aligned
  });
  const table: Record<string, unknown> = {};
  if (metadata) table.__metadata__ = Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)));
  let end = 0;
  for (const name of names) {
    const tensor = tensors[name]!;
    const elements = tensor.shape.reduce((a, b) => a * b, 1);
    if (elements !== tensor.data.length) {
      throw new UserError(
        `${name}: expected ${elements} elements for shape [${tensor.shape}], got ${tensor.data.length}`,
      );
    }
    const begin = end;
    end += elements * bytesOf(tensor);
    table[name] = { dtype: typeOf(tensor), shape: tensor.shape, data_offsets: [begin, end] };
  }
  const text = new TextEncoder().encode(JSON.stringify(table));
  const padded = Math.ceil(text.length / 8) * 8;
  const head = new Uint8Array(8 + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(text, 8);
  const parts = function* () {
    for (const name of names) {
      const { data } = tensors[name]!;
      const stored = data instanceof Float32Array && dtype === 'F16' ? toHalf(name, data) : data;
      yield new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
    }
  };
  if (checksum) seal(head, parts());
  yield head;
  yield* parts();
}

/** Position of the first NaN or infinity, or -1. */
export function firstNotFinite(data: Float32Array | Int32Array): number {
  if (data instanceof Int32Array) return -1;
  // x - x is 0 for a finite x and NaN otherwise: one pass without branches; only a bad tensor is searched again.
  let a = 0;
  let b = 0;
  const even = data.length & ~1;
  for (let i = 0; i < even; i += 2) {
    a += data[i]! - data[i]!;
    b += data[i + 1]! - data[i + 1]!;
  }
  if (even < data.length) a += data[even]! - data[even]!;
  return a + b === 0 ? -1 : data.findIndex((x) => !Number.isFinite(x));
}
