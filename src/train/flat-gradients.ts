/** Gradients by parameter name. */
export type Gradients = Readonly<Record<string, Float32Array>>;

/** Gradients of several parameters, one after another in one array. */
export interface FlatGradients {
  /** Between two gradients there may be up to three zeros: each begins at a multiple of 16 bytes. */
  readonly flat: Float32Array;
  /** Parts of {@link flat}. */
  readonly byName: Gradients;
}

/** Numbers in 16 bytes, a vector of most processors. */
const VECTOR = 4;

/** Zeros for the gradients of parameters of these sizes. */
export function flatGradients(sizes: Readonly<Record<string, number>>): FlatGradients {
  let length = 0;
  const places = Object.entries(sizes).map(([name, size]) => {
    const from = length;
    length += Math.ceil(size / VECTOR) * VECTOR;
    return { name, from, to: from + size };
  });
  const flat = new Float32Array(length);
  return { flat, byName: Object.fromEntries(places.map(({ name, from, to }) => [name, flat.subarray(from, to)])) };
}
