/**
 * p = softmax(z / T) of plain numbers, [C].
 *
 * @param out where p is put
 */
export function softmax(
  logits: ArrayLike<number>,
  temperature = 1,
  out: Float64Array = new Float64Array(logits.length),
): Float64Array {
  let highest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < out.length; i++) highest = Math.max(highest, logits[i]!);
  let total = 0;
  for (let i = 0; i < out.length; i++) total += out[i] = Math.exp((logits[i]! - highest) / temperature);
  for (let i = 0; i < out.length; i++) out[i]! /= total;
  return out;
}
