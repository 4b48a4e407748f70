import type { HostTensor } from '../tensor/index.js';

/** The largest difference from a reference, and the first element that is farther off than its bound; −1: none is. */
export interface Closeness {
  readonly largest: number;
  readonly outside: number;
}

/** @param bound of an element, given the reference's */
export function closeness(got: HostTensor, expected: HostTensor, bound: (reference: number) => number): Closeness {
  let [largest, outside] = [0, -1];
  for (const [i, b] of expected.data.entries()) {
    const difference = Math.abs(got.data[i]! - b);
    largest = Math.max(largest, difference); // NaN stays NaN
    if (outside < 0 && !(difference <= bound(b))) outside = i;
  }
  return { largest, outside };
}

/** |a − b| ≤ 1e-4 + 1e-3 |b|, as numpy's allclose. */
export const valueBound = (reference: number) => 1e-4 + 1e-3 * Math.abs(reference);

/**
 * How far an element of a gradient may be off: 1e-4 of the largest of its tensor, and 1e-6 of the largest of all gradients.
 *
 * A gradient is a sum, and its rounding is as large as its terms, not as what is left of them: beside an element of 55, two
 * right fp32 programs differ by 4e-4 at an element near 0. What is exactly 0, as of a bias in front of a batch norm, is
 * nothing but rounding of gradients that pass through; 1e-6 of those is some sixteen roundings of 2⁻²⁴. So one bound holds
 * on every processor, whatever the order of its sums.
 */
export function gradientBound(reference: HostTensor, all: readonly HostTensor[]): number {
  return 1e-4 * largestOf(reference) + 1e-6 * Math.max(...all.map(largestOf));
}

function largestOf({ data }: HostTensor): number {
  let most = 0;
  for (const x of data) most = Math.max(most, Math.abs(x));
  return most;
}
