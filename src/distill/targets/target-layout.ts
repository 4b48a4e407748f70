import { floatToHalf, halfToFloat } from '../../files/index.js';
import { readFloat8Rows, writeFloat8Rows } from './float8-rows.js';

/** How layers and maps are stored: binary16, or FP8 E4M3 with a factor a token. */
export const targetPrecisions = ['fp16', 'fp8'] as const;
export type TargetPrecision = (typeof targetPrecisions)[number];

/** What is kept of one augmented view, and how large it is. */
export interface TargetContents {
  /** Pixels of a side; RGB, one byte each. */
  size: number;
  /** Joint-space width of the teacher. */
  embed: number;
  /** Tokens of the teacher's vision tower that are kept, class token first. */
  tokens: number;
  /** Its width. */
  width: number;
  /** Teacher layers whose features are kept, counted from 1. */
  hidden: number[];
  /** Teacher layers whose head-averaged attention is kept, counted from 1. */
  attention: number[];
  /** Of layers and maps. @defaultValue fp16 */
  precision?: TargetPrecision;
}

/**
 * Where things stand in a record: embeddings in F32, layer features and attention maps in F16 or, under an F32 factor a token,
 * in FP8, pixels as bytes, in this order, so that each is aligned. Offsets and sizes in bytes.
 */
export class TargetLayout {
  readonly bytes: number;
  private readonly pixelsAt: number;

  constructor(readonly contents: TargetContents) {
    const { embed, size, hidden, attention } = contents;
    const inner = hidden.length * this.stored(this.hiddenSize) + attention.length * this.stored(this.mapSize);
    this.pixelsAt = embed * 4 + inner;
    this.bytes = Math.ceil((this.pixelsAt + size * size * 3) / 4) * 4;
  }

  /** Elements of one layer's features. */
  get hiddenSize(): number {
    return this.contents.tokens * this.contents.width;
  }

  /** Elements of one attention map. */
  get mapSize(): number {
    return this.contents.tokens ** 2;
  }

  /** Whether layers and maps are kept as binary16, so that a program can be fed them as they are. */
  get keepsHalves(): boolean {
    return this.contents.precision !== 'fp8';
  }

  embed(record: Uint8Array): Float32Array {
    return new Float32Array(record.buffer, record.byteOffset, this.contents.embed);
  }

  pixels(record: Uint8Array): Uint8Array {
    return record.subarray(this.pixelsAt, this.pixelsAt + this.contents.size ** 2 * 3);
  }

  /** Keeps the features of teacher layer `layer` [T, D]. */
  writeHidden(record: Uint8Array, layer: number, values: Float32Array): void {
    this.write(record, this.hiddenAt(layer), values);
  }

  /** Keeps the attention map of teacher layer `layer` [T, T]. */
  writeAttention(record: Uint8Array, layer: number, values: Float32Array): void {
    this.write(record, this.attentionAt(layer), values);
  }

  /** Features of a layer into `out` at `offset`, as F32 or, where they are kept so, as binary16. */
  readHidden(record: Uint8Array, layer: number, out: Float32Array | Uint16Array, offset: number): void {
    this.read(record, this.hiddenAt(layer), this.hiddenSize, out, offset);
  }

  /** An attention map into `out` at `offset`, as F32 or, where they are kept so, as binary16. */
  readAttention(record: Uint8Array, layer: number, out: Float32Array | Uint16Array, offset: number): void {
    this.read(record, this.attentionAt(layer), this.mapSize, out, offset);
  }

  private hiddenAt(layer: number): number {
    const { embed, hidden } = this.contents;
    return embed * 4 + position(hidden, layer, 'features') * this.stored(this.hiddenSize);
  }

  private attentionAt(layer: number): number {
    const { embed, hidden, attention } = this.contents;
    const i = position(attention, layer, 'attention');
    return embed * 4 + hidden.length * this.stored(this.hiddenSize) + i * this.stored(this.mapSize);
  }

  /** Bytes of so many elements, a row a token. */
  private stored(elements: number): number {
    return this.keepsHalves ? elements * 2 : this.contents.tokens * 4 + Math.ceil(elements / 4) * 4;
  }

  private write(record: Uint8Array, at: number, values: Float32Array): void {
    if (this.keepsHalves) floatToHalf(values, halves(record, at, values.length));
    else writeFloat8Rows(values, this.scales(record, at), this.codes(record, at, values.length));
  }

  private read(record: Uint8Array, at: number, count: number, out: Float32Array | Uint16Array, offset: number): void {
    if (!this.keepsHalves) {
      if (out instanceof Uint16Array) throw new Error('target store: expected an array of F32 for targets kept in FP8');
      readFloat8Rows(this.scales(record, at), this.codes(record, at, count), out, offset);
    } else if (out instanceof Uint16Array) out.set(halves(record, at, count), offset);
    else halfToFloat(halves(record, at, count), out, offset);
  }

  private scales(record: Uint8Array, at: number): Float32Array {
    return new Float32Array(record.buffer, record.byteOffset + at, this.contents.tokens);
  }

  private codes(record: Uint8Array, at: number, count: number): Uint8Array {
    const from = at + this.contents.tokens * 4;
    return record.subarray(from, from + count);
  }
}

const halves = (record: Uint8Array, at: number, count: number) =>
  new Uint16Array(record.buffer, record.byteOffset + at, count);

function position(layers: readonly number[], layer: number, what: string): number {
  const i = layers.indexOf(layer);
  if (i < 0)
    throw new Error(
      `target store: it keeps the ${what} of teacher layers ${layers.join(', ') || 'none'}, asked for ${layer}`,
    );
  return i;
}
