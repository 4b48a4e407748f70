/** What variants are chosen by: smaller is better of the bytes and milliseconds, larger of the accuracy. */
export interface Weighed {
  readonly bytes: number;
  readonly ms: number;
  readonly top1: number;
}

/** What a variant must keep to. */
export interface Limits {
  readonly maxBytes?: number;
  readonly maxMs?: number;
  /** Points of top-1 below the first variant. */
  readonly maxDrop?: number;
}

/** The variants that no other beats: none is as small and as right, and better in one of the two. */
export function paretoFront<V extends Pick<Weighed, 'bytes' | 'top1'>>(variants: readonly V[]): V[] {
  const beats = (a: V, b: V) => a.bytes <= b.bytes && a.top1 >= b.top1 && (a.bytes < b.bytes || a.top1 > b.top1);
  return variants.filter((b) => !variants.some((a) => beats(a, b))).sort((a, b) => a.bytes - b.bytes);
}

/**
 * The variant to use under limits: with a limit of size or time the most accurate that keeps to it, otherwise the smallest
 * whose accuracy does. Of equals the smaller, then the faster.
 *
 * @returns undefined where none keeps to the limits
 */
export function recommend<V extends Weighed>(variants: readonly V[], limits: Limits): V | undefined {
  const { maxBytes = Number.POSITIVE_INFINITY, maxMs = Number.POSITIVE_INFINITY, maxDrop } = limits;
  const least = maxDrop === undefined ? 0 : variants[0]!.top1 - maxDrop / 100;
  const kept = variants.filter(({ bytes, ms, top1 }) => bytes <= maxBytes && ms <= maxMs && top1 >= least);
  const bySize = (a: V, b: V) => a.bytes - b.bytes || a.ms - b.ms;
  const byAccuracy = (a: V, b: V) => b.top1 - a.top1 || bySize(a, b);
  const limited = limits.maxBytes !== undefined || limits.maxMs !== undefined;
  return kept.sort(limited ? byAccuracy : bySize)[0];
}
