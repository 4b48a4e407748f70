/**
 * Memory grows in proportion to the batch: by the line through the smallest and the largest batch measured, megabytes that an
 * image more takes, and the largest batch that fits a limit.
 *
 * @param rows with `batch` and `peak_memory_mb`, smallest first
 * @param limit in GB (10⁹ bytes)
 */
export function batchLine(rows, limit) {
  const [first, last] = [rows[0], rows.at(-1)];
  const slope = (last.peak_memory_mb - first.peak_memory_mb) / (last.batch - first.batch);
  const most = (limit * 1e9) / 2 ** 20;
  // Of a tiny model the noise is larger than what an image takes.
  const largest = slope > 0 ? Math.max(0, Math.floor(first.batch + (most - first.peak_memory_mb) / slope)) : undefined;
  return { mb_an_image: slope, largest_batch: largest };
}
