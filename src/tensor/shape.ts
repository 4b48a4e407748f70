import { type Dim, formatShape, type Shape } from './tensor.js';

/** The shape two shapes broadcast to (NumPy's rule). @throws naming the op and both shapes. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x === y || y === 1) return x;
    if (x === 1) return y;
    throw new Error(
      `${op}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast (axis ${i}: ${x} against ${y})`,
    );
  });
}

/** The sum of two sizes, of which one may be symbolic: `sequence` and 4 are `sequence+4`. */
export function addDims(op: string, a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (typeof a === 'string' && typeof b === 'string') {
    throw new Error(`${op}: cannot add the sizes ${a} and ${b}: at most one may be symbolic`);
  }
  const [symbol, number] = typeof a === 'string' ? [a, b as number] : [b as string, a];
  const [, name, shift = '0'] = /^(.*?)([+-]\d+)?$/.exec(symbol)!;
  const total = Number(shift) + number;
  return total === 0 ? name! : `${name}${total > 0 ? '+' : ''}${total}`;
}

/** An axis counted from the front. @throws where it is out of range. */
export function normalizeAxis(op: string, axis: number, shape: Shape): number {
  const out = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(axis) || out < 0 || out >= shape.length) {
    throw new Error(`${op}: axis ${axis} is out of range for shape ${formatShape(shape)}`);
  }
  return out;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** Number of elements of a static shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
