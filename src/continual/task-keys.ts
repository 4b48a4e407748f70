import type { TaskKeys } from '../bank/index.js';
import { dots, quantile, type Rows } from '../math/index.js';
import { kMeans } from './k-means.js';

/**
 * What a task is recognised by: centroids of its images' features, its class names' features, and the cosines that all but
 * a share of its own images reach.
 *
 * @param images unit rows of the frozen student, at least one
 * @param texts unit rows, one a class
 */
export function taskKeys(
  images: Rows,
  texts: Rows,
  { centroids: k, reject }: { readonly centroids: number; readonly reject: number },
  seed: number,
): TaskKeys {
  const centroids = kMeans(images, k, seed);
  const nearest = (to: Rows) => {
    const cosines = new Float64Array(to.count);
    return Array.from({ length: images.count }, (_, i) => Math.max(...dots(images, i, to, cosines)));
  };
  const tensor = ({ data, count, width }: Rows) => ({ shape: [count, width], data });
  return {
    centroids: tensor(centroids),
    texts: tensor(texts),
    threshold: { image: quantile(nearest(centroids), reject), text: quantile(nearest(texts), reject) },
  };
}
