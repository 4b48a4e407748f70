import { accuracyPlane } from './accuracy-plane.js';
import { at, textWidth, ticks } from './axes.js';
import type { Interval } from './data.js';
import { html } from './html.js';
import { accuracy, milliseconds } from './numbers.js';
import { alongPath } from './place-labels.js';

/** Accuracy and mean latency of one model, or of a cascade at some thresholds. */
export interface TradeoffPoint {
  readonly latencyMs: number;
  readonly top1: Interval;
}

/** What a chart of accuracy over latency shows. */
export interface Tradeoff {
  readonly title: string;
  /** What latency means here: the name of the horizontal axis. */
  readonly latency: string;
  /** The cascade at rising thresholds. */
  readonly curve: readonly TradeoffPoint[];
  /** The same on the images that the thresholds were tuned on, where the limit applies. */
  readonly tunedOn: { readonly name: string; readonly curve: readonly TradeoffPoint[] };
  /** The models alone. */
  readonly models: readonly (TradeoffPoint & { readonly name: string })[];
  /** The thresholds that were chosen. */
  readonly chosen: TradeoffPoint & { readonly name: string };
  /** What was asked for: a latency to stay below, or an accuracy to reach. */
  readonly limit: ({ readonly latencyMs: number } | { readonly accuracy: number }) & { readonly name: string };
}

/**
 * Top-1 over mean latency as an SVG file that stands alone: the cascade's curve in the band of its 95 % intervals, its
 * models alone, the operating point that was chosen, the limit it was chosen for, and the curve on the images it was chosen
 * by.
 */
export function tradeoffFile({ title, latency, curve, tunedOn, models, chosen, limit }: Tradeoff): string {
  const times = [...curve, ...tunedOn.curve, ...models, chosen].map(({ latencyMs }) => latencyMs);
  const high = Math.max(...times, 'latencyMs' in limit ? limit.latencyMs : 0) * 1.08;
  const sorted = (points: readonly TradeoffPoint[]) => [...points].sort((a, b) => a.latencyMs - b.latencyMs);
  const [rising, tuned] = [sorted(curve), sorted(tunedOn.curve)];
  const shares = [
    ...curve.flatMap(({ top1 }) => [top1.low, top1.high]),
    ...tuned.map(({ top1 }) => top1.value),
    ...('accuracy' in limit ? [limit.accuracy] : []),
  ];
  const points = [{ ...chosen, marked: true }, ...models.map((model) => ({ ...model, marked: false }))];
  return accuracyPlane(
    title,
    {
      ...{ name: latency, low: 0, high, scale: (x: number) => x },
      ticks: ticks(0, high, 6).map((x) => ({ x, text: `${x} ms` })),
    },
    points.map(({ name, latencyMs, top1, marked }) => ({
      ...{ name, x: latencyMs, top1, marked },
      says: `${name}: ${accuracy(top1)}, ${milliseconds(latencyMs)}`,
    })),
    ({ px, py, box }) => {
      const line = (of: (point: TradeoffPoint) => number, way: readonly TradeoffPoint[]) =>
        way.map((point) => `${at(px(point.latencyMs))} ${at(py(of(point)))}`).join('L');
      const band = `M${line(({ top1 }) => top1.high, rising)}L${line(({ top1 }) => top1.low, [...rising].reverse())}Z`;
      const [x, y] = 'latencyMs' in limit ? [px(limit.latencyMs), box.top] : [box.left, py(limit.accuracy)];
      const [x2, y2] = 'latencyMs' in limit ? [x, box.bottom] : [box.right, y];
      const wide = textWidth(limit.name, 12) + 12;
      // Beside a latency at its foot, on whichever side there is room; above an accuracy at the left.
      const left = 'accuracy' in limit ? x + 6 : x + 6 + wide > box.right ? x - wide : x + 6;
      const baseline = 'accuracy' in limit ? y - 6 : box.bottom - 8;
      const end = tuned.at(-1)!;
      // Below its curve where the line of a target would run through it.
      const named = Math.max(px(end.latencyMs), box.left + 6 + textWidth(tunedOn.name, 12));
      const [nameX, nameY] = [named, py(end.top1.value) + ('accuracy' in limit ? 16 : -7)];
      const along = (points: readonly TradeoffPoint[]) =>
        alongPath(points.map(({ latencyMs, top1 }) => [px(latencyMs), py(top1.value)] as const));
      return {
        shapes: html`<path class="band" d="${band}"/><path class="front" d="M${line(({ top1 }) => top1.value, rising)}"/>
<path class="tuned" d="M${line(({ top1 }) => top1.value, tuned)}"/><text x="${at(nameX)}" y="${at(nameY)}" text-anchor="end">${tunedOn.name}</text>
<line class="limit" x1="${at(x)}" y1="${at(y)}" x2="${at(x2)}" y2="${at(y2)}"/><text class="limit-name" x="${at(left)}" y="${at(baseline)}">${limit.name}</text>`,
        obstacles: [
          { left, right: left + wide, top: baseline - 12, bottom: baseline + 3 },
          { left: x - 2, right: x2 + 2, top: y - 2, bottom: y2 + 2 },
          { left: nameX - textWidth(tunedOn.name, 12), right: nameX, top: nameY - 12, bottom: nameY + 3 },
          ...along(rising),
          ...along(tuned),
        ],
      };
    },
    shares,
  );
}
