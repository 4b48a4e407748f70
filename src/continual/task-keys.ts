import type { TaskKeys } from '../bank/index.js';
import { dots, quantile, type Rows } from '../math/index.js';
import { kMeans } from './k-means.js';

/**
 * What a task is recognised by: centroids of its images' features, its class names' features, and the cosines that all but
 * a share of its held-out images reach.
 *
 * @param images unit rows of the frozen student, at least one
 * @param texts unit rows, one a class
 * @param held unit rows that the thresholds are fitted on, at least one: images that the student was trained on lie nearer
 *   to their classes than those to come
 */
export function taskKeys(
  images: Rows,
  texts: Rows,
  { centroids: k, reject }: { readonly centroids: number; readonly reject: number },
  seed: number,
  held: Rows = images,
): TaskKeys {
  const centroids = kMeans(images, k, seed);
  const nearest = (to: Rows) => {
    const cosines = new Float64Array(to.count);
    return Array.from({ length: held.count }, (_, i) => Math.max(...dots(held, i, to, cosines)));
  };
  const tensor = ({ data, count, width }: Rows) => ({ shape: [count, width], data });
  return {
    centroids: tensor(centroids),
    texts: tensor(texts),
    threshold: { image: quantile(nearest(centroids), reject), text: quantile(nearest(texts), reject) },
  };
}
