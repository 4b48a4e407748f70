import { accuracyPlane } from './accuracy-plane.js';
import { at, logTicks } from './axes.js';
import type { Interval } from './data.js';
import { html } from './html.js';
import { accuracy, bytes as formatBytes } from './numbers.js';
import { alongPath } from './place-labels.js';

/** One variant: how large, how right (a fraction, with its interval), and whether none beats it in both. */
export interface ParetoPoint {
  readonly name: string;
  readonly bytes: number;
  readonly top1: Interval;
  readonly best: boolean;
}

/** Top-1 over bytes (logarithmic) as an SVG file that stands alone; the line joins the variants that none beats. */
export function paretoFile(title: string, points: readonly ParetoPoint[]): string {
  const sizes = points.map(({ bytes }) => Math.log2(bytes));
  const [low, high] = [Math.min(...sizes) - 0.4, Math.max(...sizes) + 0.4];
  const marks = logTicks(2 ** low, 2 ** high, [1, 2, 5]);
  const front = points.filter(({ best }) => best).sort((a, b) => a.bytes - b.bytes);
  return accuracyPlane(
    title,
    {
      ...{ name: 'size on disk, logarithmic', low: 2 ** low, high: 2 ** high, scale: Math.log2 },
      ticks: marks.map((x) => ({ x, text: formatBytes(x) })),
    },
    // The best first: they get the nearest places for their names.
    [...points]
      .sort((a, b) => Number(b.best) - Number(a.best))
      .map(({ name, bytes, top1, best }) => ({
        ...{ name, x: bytes, top1, marked: best },
        says: `${name}: ${accuracy(top1)}, ${formatBytes(bytes)}`,
      })),
    ({ px, py }) => {
      const way = front.map(({ bytes, top1 }) => [px(bytes), py(top1.value)] as const);
      return {
        shapes: html`<path class="front" d="${way.map(([x, y], i) => `${i ? 'L' : 'M'}${at(x)} ${at(y)}`).join('')}"/>`,
        obstacles: alongPath(way),
      };
    },
  );
}
