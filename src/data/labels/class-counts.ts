import type { Example } from '../dataset.js';

/** Images a class, of the images whose class is known. */
export function classCounts(examples: readonly Example[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { label } of examples) if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}
