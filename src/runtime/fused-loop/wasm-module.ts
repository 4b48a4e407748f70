// As much of WebAssembly's binary format as one function over vectors of four float32 needs.
// https://webassembly.github.io/spec/core/binary/

const sections = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const types = { i32: 0x7f, f32: 0x7d, v128: 0x7b, function: 0x60, none: 0x40 } as const;
const SIMD = 0xfd;

/** By the names of the text format. */
const simd = {
  'v128.load': 0x00,
  'v128.store': 0x0b,
  'v128.const': 0x0c,
  'i8x16.shuffle': 0x0d,
  'f32x4.splat': 0x13,
  'f32x4.eq': 0x41,
  'f32x4.gt': 0x44,
  'v128.bitselect': 0x52,
  'f64x2.promote_low_f32x4': 0x5f,
  'f32x4.abs': 0xe0,
  'f32x4.neg': 0xe1,
  'f32x4.sqrt': 0xe3,
  'f32x4.add': 0xe4,
  'f32x4.sub': 0xe5,
  'f32x4.mul': 0xe6,
  'f32x4.div': 0xe7,
  'f64x2.add': 0xf0,
} as const;

export type VectorOp = keyof typeof simd;

/** A local variable, the function's parameters among them. */
export type Local = number;

/**
 * The body of a function (i32 end, i32 address …, f32 scalar …) → (), with one loop whose counter goes from 0 to `end` in steps
 * of 16 bytes.
 */
export class VectorFunction {
  readonly counter: Local;
  private vectors = 0;
  private readonly bytes: number[] = [];

  constructor(
    private readonly addresses: number,
    private readonly scalars: number,
  ) {
    this.counter = 1 + addresses + scalars;
  }

  scalar(i: number): Local {
    return 1 + this.addresses + i;
  }

  /** Where array `i` has what the loop is at. */
  element(i: number): this {
    this.get(1 + i)
      .get(this.counter)
      .bytes.push(0x6a); // i32.add
    return this;
  }

  /** A fresh vector, zero at first. */
  vector(): Local {
    return this.counter + 1 + this.vectors++;
  }

  get(local: Local): this {
    this.bytes.push(0x20, ...unsigned(local));
    return this;
  }

  set(local: Local): this {
    this.bytes.push(0x21, ...unsigned(local));
    return this;
  }

  zero(): this {
    return this.i32(0);
  }

  op(name: VectorOp): this {
    this.bytes.push(SIMD, ...unsigned(simd[name]));
    return this;
  }

  /** Reads or writes a vector at `address` beyond what stands on the stack. */
  memory(name: 'v128.load' | 'v128.store', address = 0): this {
    const alignment = 4; // 2⁴ bytes
    this.op(name).bytes.push(alignment, ...unsigned(address));
    return this;
  }

  /** Four times the same number. */
  constant(value: number): this {
    this.op('v128.const').bytes.push(...new Uint8Array(Float32Array.of(value, value, value, value).buffer));
    return this;
  }

  /** The upper two numbers of the vector on the stack, put below. */
  upperHalf(from: Local): this {
    this.get(from)
      .get(from)
      .op('i8x16.shuffle')
      .bytes.push(...[8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15]);
    return this;
  }

  /** What `body` writes, once for each 16 bytes below `end`, which must not be 0. */
  loop(body: () => void): void {
    this.bytes.push(0x03, types.none);
    body();
    this.get(this.counter).i32(16).bytes.push(0x6a); // i32.add
    this.set(this.counter);
    this.get(this.counter).get(0).bytes.push(0x49); // i32.lt_u
    this.bytes.push(0x0d, 0, 0x0b); // br_if 0, end
  }

  private i32(value: number): this {
    this.bytes.push(0x41, ...signed(value));
    return this;
  }

  /** The module that exports it as `run` and imports its memory as `scratch.memory`. */
  module(): Uint8Array<ArrayBuffer> {
    const addresses = Array<number>(this.addresses).fill(types.i32);
    const parameters = [types.i32, ...addresses, ...Array<number>(this.scalars).fill(types.f32)];
    const locals = [
      [1, types.i32],
      [this.vectors, types.v128],
    ].flatMap(([count, type]) => [...unsigned(count!), type!]);
    const body = [2, ...locals, ...this.bytes, 0x0b];
    const memory = [...text('scratch'), ...text('memory'), 0x02, 0x00, ...unsigned(1)];
    return Uint8Array.from([
      ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
      ...section(sections.type, [[types.function, ...vector(parameters.map((type) => [type])), 0]]),
      ...section(sections.import, [memory]),
      ...section(sections.function, [[0]]),
      ...section(sections.export, [[...text('run'), 0x00, 0]]),
      ...section(sections.code, [[...unsigned(body.length), ...body]]),
    ]);
  }
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  const content = vector(items);
  return [id, ...unsigned(content.length), ...content];
}

const vector = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...unsigned(bytes.length), ...bytes];
}

/** LEB128, seven bits a byte, the lowest first. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}
