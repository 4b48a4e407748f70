import { halfToFloat } from '../../files/index.js';

/** What is kept of one augmented view, and how large it is. */
export interface TargetContents {
  /** Pixels of a side; RGB, one byte each. */
  size: number;
  /** Joint-space width of the teacher. */
  embed: number;
  /** Tokens of the teacher's vision tower, class token first. */
  tokens: number;
  /** Its width. */
  width: number;
  /** Teacher layers whose features are kept, counted from 1. */
  hidden: number[];
  /** Teacher layers whose head-averaged attention is kept, counted from 1. */
  attention: number[];
}

/**
 * Where things stand in a record: embeddings in F32, layer features and attention maps in F16, pixels as bytes,
 * in this order, so that each is aligned. Offsets and sizes in bytes.
 */
export class TargetLayout {
  readonly bytes: number;
  private readonly pixelsAt: number;

  constructor(readonly contents: TargetContents) {
    const { embed, size, hidden, attention } = contents;
    this.pixelsAt = embed * 4 + (hidden.length * this.hiddenSize + attention.length * this.mapSize) * 2;
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

  embed(record: Uint8Array): Float32Array {
    return new Float32Array(record.buffer, record.byteOffset, this.contents.embed);
  }

  /** Features of teacher layer `layer`, as binary16. */
  hidden(record: Uint8Array, layer: number): Uint16Array {
    const i = position(this.contents.hidden, layer, 'features');
    return new Uint16Array(
      record.buffer,
      record.byteOffset + this.contents.embed * 4 + i * this.hiddenSize * 2,
      this.hiddenSize,
    );
  }

  /** Attention map of teacher layer `layer`, as binary16. */
  attention(record: Uint8Array, layer: number): Uint16Array {
    const i = position(this.contents.attention, layer, 'attention');
    const at = this.contents.embed * 4 + (this.contents.hidden.length * this.hiddenSize + i * this.mapSize) * 2;
    return new Uint16Array(record.buffer, record.byteOffset + at, this.mapSize);
  }

  pixels(record: Uint8Array): Uint8Array {
    return record.subarray(this.pixelsAt, this.pixelsAt + this.contents.size ** 2 * 3);
  }

  /** Features of a layer into `out` at `offset`, as F32 or as they are kept. */
  readHidden(record: Uint8Array, layer: number, out: Float32Array | Uint16Array, offset: number): void {
    readHalves(this.hidden(record, layer), out, offset);
  }

  /** An attention map into `out` at `offset`, as F32 or as it is kept. */
  readAttention(record: Uint8Array, layer: number, out: Float32Array | Uint16Array, offset: number): void {
    readHalves(this.attention(record, layer), out, offset);
  }
}

function readHalves(half: Uint16Array, out: Float32Array | Uint16Array, offset: number): void {
  if (out instanceof Uint16Array) out.set(half, offset);
  else halfToFloat(half, out, offset);
}

function position(layers: readonly number[], layer: number, what: string): number {
  const i = layers.indexOf(layer);
  if (i < 0)
    throw new Error(
      `target store: it keeps the ${what} of teacher layers ${layers.join(', ') || 'none'}, asked for ${layer}`,
    );
  return i;
}
