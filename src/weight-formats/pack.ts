/** Two 4-bit codes a byte, the first in the upper half, as bitsandbytes and ONNX Runtime's MatMulBnb4 keep them. */
export function packHighFirst(codes: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(Math.ceil(codes.length / 2));
  for (const [i, code] of codes.entries()) packed[i >> 1]! |= i & 1 ? code : code << 4;
  return packed;
}

/** Two 4-bit codes a byte, the first in the lower half, as ONNX Runtime's MatMulNBits keeps them. */
export function packLowFirst(codes: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(Math.ceil(codes.length / 2));
  for (const [i, code] of codes.entries()) packed[i >> 1]! |= i & 1 ? code << 4 : code;
  return packed;
}

/** The first `count` codes that {@link packHighFirst} packed. */
export function unpackHighFirst(packed: Uint8Array, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (i & 1 ? packed[i >> 1]! & 15 : packed[i >> 1]! >> 4));
}

/**
 * Rows of 4-bit codes, each filled up with `fill` to whole blocks: `columns` codes a row become blocks · size.
 *
 * @param fill of the block that a row's place is in
 */
export function padRows(
  codes: Uint8Array,
  { rows, columns }: { readonly rows: number; readonly columns: number },
  size: number,
  fill: (block: number) => number,
): Uint8Array {
  const each = Math.ceil(columns / size);
  const padded = new Uint8Array(rows * each * size);
  for (let row = 0; row < rows; row++) {
    padded.set(codes.subarray(row * columns, (row + 1) * columns), row * each * size);
    padded.fill(fill((row + 1) * each - 1), row * each * size + columns, (row + 1) * each * size);
  }
  return padded;
}
