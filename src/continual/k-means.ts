import { dots, Random, type Rows, selectRows, toUnitRows } from '../math/index.js';

/** Rounds after which centroids are taken as they are; they settle in far fewer. */
const rounds = 100;

/**
 * Spherical k-means: centroids of unit length, each row belonging to the one with the largest cosine. The first ones are
 * drawn as k-means++ draws them (Arthur and Vassilvitskii 2007), by 1 − cosine.
 *
 * @param rows of unit length, at least one
 * @param k at most as many centroids as there are rows
 * @returns unit rows
 */
export function kMeans(rows: Rows, k: number, seed: number): Rows {
  const count = Math.min(k, rows.count);
  const random = new Random(seed, 'k-means');
  let centroids = firstCentroids(rows, count, random);
  let before = '';
  for (let round = 0; round < rounds; round++) {
    const own = nearest(rows, centroids);
    const now = own.join();
    if (now === before) break;
    before = now;
    const data = new Float32Array(count * rows.width);
    for (const [row, centroid] of own.entries()) {
      for (let w = 0; w < rows.width; w++) data[centroid * rows.width + w]! += rows.data[row * rows.width + w]!;
    }
    // One that lost all its rows stays where it was.
    for (let c = 0; c < count; c++) {
      if (own.includes(c)) continue;
      data.set(centroids.data.subarray(c * rows.width, (c + 1) * rows.width), c * rows.width);
    }
    centroids = toUnitRows({ data, count, width: rows.width });
  }
  return centroids;
}

function firstCentroids(rows: Rows, count: number, random: Random): Rows {
  const chosen = [random.int(rows.count)];
  const far = new Float64Array(rows.count).fill(Number.POSITIVE_INFINITY);
  const cosines = new Float64Array(rows.count);
  const every = Array.from({ length: rows.count }, (_, i) => i);
  while (chosen.length < count) {
    dots(rows, chosen.at(-1)!, rows, cosines);
    for (let i = 0; i < rows.count; i++) far[i] = Math.min(far[i]!, Math.max(0, 1 - cosines[i]!));
    chosen.push(random.weighted(every, [...far]));
  }
  return selectRows(rows, chosen);
}

/** The centroid of each row; of equal ones the first. */
function nearest(rows: Rows, centroids: Rows): number[] {
  const cosines = new Float64Array(centroids.count);
  return Array.from({ length: rows.count }, (_, i) => {
    dots(rows, i, centroids, cosines);
    return cosines.indexOf(Math.max(...cosines));
  });
}
