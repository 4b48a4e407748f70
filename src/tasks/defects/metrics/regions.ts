/** Connected regions of a mask. */
export interface Regions {
  /** 0 where there is none, otherwise the region's number from 1 [height, width] */
  readonly labels: Uint32Array;
  /** Pixels of each region, by number; that of 0 is of what belongs to none. */
  readonly sizes: readonly number[];
}

/** Regions of ones, of which each pixel touches another one by a side or a corner (8-neighbourhood). */
export function regionsOf(mask: Uint8Array, width: number): Regions {
  const height = mask.length / width;
  const labels = new Uint32Array(mask.length);
  const sizes = [0];
  const open: number[] = [];
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || labels[start]) continue;
    const label = sizes.length;
    let size = 0;
    labels[start] = label;
    open.push(start);
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      size++;
      const [x, y] = [at % width, Math.floor(at / width)];
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const next = v * width + u;
          if (!mask[next] || labels[next]) continue;
          labels[next] = label;
          open.push(next);
        }
      }
    }
    sizes.push(size);
  }
  sizes[0] = mask.length - sizes.reduce((a, b) => a + b, 0);
  return { labels, sizes };
}
