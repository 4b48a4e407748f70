/** Copies the named rows of a matrix of `width` columns to the start of `out`. */
export function gatherHostRows(
  source: Float32Array | Int32Array,
  width: number,
  rows: readonly number[],
  out: Float32Array | Int32Array,
): void {
  for (const [i, row] of rows.entries()) out.set(source.subarray(row * width, (row + 1) * width), i * width);
}
