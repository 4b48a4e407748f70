/** Feature vectors, one a row. */
export interface Rows {
  /** [count, width] */
  readonly data: Float32Array;
  readonly count: number;
  /** Numbers a row. */
  readonly width: number;
}

/** Inner product of row i of `a` and row j of `b`: their cosine, as rows have unit length. */
export function dot(a: Rows, i: number, b: Rows, j: number): number {
  const { width } = a;
  const [x, y] = [a.data, b.data];
  const [from, to] = [i * width, j * width];
  // Four sums in turn: the processor need not wait for one addition before the next.
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let k = 0;
  for (; k + 3 < width; k += 4) {
    s0 += x[from + k]! * y[to + k]!;
    s1 += x[from + k + 1]! * y[to + k + 1]!;
    s2 += x[from + k + 2]! * y[to + k + 2]!;
    s3 += x[from + k + 3]! * y[to + k + 3]!;
  }
  for (; k < width; k++) s0 += x[from + k]! * y[to + k]!;
  return s0 + s1 + s2 + s3;
}

/** Some rows, in the order given. */
export function selectRows(rows: Rows, indices: readonly number[]): Rows {
  const { width } = rows;
  const data = new Float32Array(indices.length * width);
  for (const [i, row] of indices.entries()) data.set(rows.data.subarray(row * width, (row + 1) * width), i * width);
  return { data, count: indices.length, width };
}

/** All rows of some matrices of one width, one after the other. */
export function rowsInARow(parts: readonly Rows[]): Rows {
  const width = parts[0]!.width;
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const data = new Float32Array(count * width);
  let from = 0;
  for (const part of parts) {
    data.set(part.data, from);
    from += part.data.length;
  }
  return { data, count, width };
}

/** Brings every row to unit length, in place; a row of zeros stays. */
export function toUnitRows(rows: Rows): Rows {
  const { data, count, width } = rows;
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * width, (i + 1) * width);
    let squares = 0;
    for (let k = 0; k < width; k++) squares += row[k]! * row[k]!;
    const length = Math.sqrt(squares) || 1;
    for (let k = 0; k < width; k++) row[k]! /= length;
  }
  return rows;
}
