import { Random, type Rows, selectRows } from '../../math/index.js';

/** Numbers a row that distances are reckoned in: random projections keep them to a few per cent. */
const projected = 64;
/** Rows that are looked at; of more, so many by lot. */
const mostRows = 16_384;

/**
 * Rows that stand for all of them: greedy k-centre (PatchCore, Roth et al., CVPR 2022, algorithm 1). Each next row is the one
 * farthest from those that were taken, by Euclidean distance of a random projection (Johnson and Lindenstrauss).
 *
 * @param count of rows that are kept, at least 1
 */
export function coreset(rows: Rows, count: number, seed: number): Rows {
  if (count >= rows.count) return rows;
  const random = new Random('coreset', seed);
  const all = Array.from({ length: rows.count }, (_, i) => i);
  const looked = rows.count > mostRows ? random.shuffle(all).slice(0, mostRows) : all;
  const points = project(selectRows(rows, looked), random);
  const distances = new Float32Array(looked.length).fill(Number.POSITIVE_INFINITY);
  const chosen: number[] = [];
  let next = random.int(looked.length);
  for (let k = 0; k < count && k < looked.length; k++) {
    chosen.push(looked[next]!);
    next = farthest(points, next, distances);
  }
  return selectRows(rows, chosen);
}

/** Brings the distances to the nearest taken row up to date. @returns the row farthest from all of them */
function farthest({ data, count, width }: Rows, taken: number, distances: Float32Array): number {
  const own = data.subarray(taken * width, (taken + 1) * width);
  let [best, at] = [-1, 0];
  for (let i = 0, from = 0; i < count; i++, from += width) {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += (data[from + k]! - own[k]!) ** 2;
    const distance = Math.min(distances[i]!, sum);
    distances[i] = distance;
    if (distance > best) [best, at] = [distance, i];
  }
  return at;
}

function project({ data, count, width }: Rows, random: Random): Rows {
  if (width <= projected) return { data, count, width };
  const matrix = Float32Array.from({ length: width * projected }, () => random.normal() / Math.sqrt(projected));
  const out = new Float32Array(count * projected);
  for (let i = 0; i < count; i++) {
    const row = out.subarray(i * projected, (i + 1) * projected);
    for (let k = 0; k < width; k++) {
      const x = data[i * width + k]!;
      for (let j = 0; j < projected; j++) row[j]! += x * matrix[k * projected + j]!;
    }
  }
  return { data: out, count, width: projected };
}
