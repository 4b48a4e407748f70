import type { LossCurve, PhaseSpan } from './data.js';
import { type Html, html } from './html.js';
import { short } from './numbers.js';

const width = 340;
const height = 212;
const plot = { left: 38, right: 334, top: 20, bottom: 180 };
type Point = readonly [x: number, y: number];

export interface ChartOptions {
  readonly phases: readonly PhaseSpan[];
  /** What the horizontal axis counts. */
  readonly unit: string;
  /** Class of a line's colour. */
  readonly tone: (model: string) => string;
}

/** One component with its title and the lines' last values. */
export function lineChart(curve: LossCurve, options: ChartOptions): Html {
  const drawn = plotOf(curve, options);
  if (!drawn) return html``;
  return html`<figure class="chart">
<figcaption><h3>${curve.component}</h3>${curve.about ? html`<p>${curve.about}</p>` : ''}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${drawn.says}">
${drawn.plot}
</svg>
<ul class="key">${drawn.ends.map(({ model, value }) => html`<li class="${options.tone(model)}"><i></i>${model} <b>${short(value)}</b></li>`)}</ul>
</figure>`;
}

export const plotSize = { width, height };

/** A chart's lines and axes as SVG elements on a plane of `plotSize`, and what they say. */
export interface Plot {
  readonly plot: Html;
  /** For readers who do not see it. */
  readonly says: string;
  /** Each line's last value. */
  readonly ends: readonly { readonly model: string; readonly value: number }[];
}

/**
 * Raw values faint, a running mean on top, phases shaded; logarithmic where values span decades.
 *
 * @returns undefined where there is nothing to draw
 */
export function plotOf(curve: LossCurve, options: ChartOptions): Plot | undefined {
  const series = curve.series
    .map((s) => ({ ...s, points: s.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)) }))
    .filter((s) => s.points.length > 0);
  if (series.length === 0) return undefined;
  const smooth = series.map((s) => runningMean(s.points));
  const xs = [...series.flatMap((s) => s.points.map(([x]) => x)), ...options.phases.flatMap((p) => [p.start, p.end])];
  const [x0, x1] = widened(minimum(xs), maximum(xs));
  // Outliers of single batches must not flatten the curve: the axis follows the running means and most raw values.
  const raw = series.flatMap((s) => s.points.map(([, y]) => y)).sort((a, b) => a - b);
  const means = smooth.flatMap((s) => s.map(([, y]) => y));
  const low = Math.min(minimum(means), quantile(raw, 0.01));
  const high = Math.max(maximum(means), quantile(raw, 0.99));
  const log = low > 0 && high / low > 30;
  const [y0, y1] = log ? widened(low, high) : widened(low > 0 && low < high * 0.5 ? 0 : low, high);
  const scale = (y: number) => (log ? Math.log(y / y0) / Math.log(y1 / y0) : (y - y0) / (y1 - y0));
  const px = (x: number) => plot.left + ((x - x0) / (x1 - x0)) * (plot.right - plot.left);
  const py = (y: number) => plot.bottom - Math.min(1, Math.max(0, scale(y))) * (plot.bottom - plot.top);
  const path = (points: readonly Point[]) =>
    points.map(([x, y], i) => `${i ? 'L' : 'M'}${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join('');
  const last = series.map((s, i) => `${s.model} ends at ${short(smooth[i]!.at(-1)![1])}`).join('; ');
  const marks = html`${options.phases.map((phase, i) => {
    const left = px(phase.start);
    const breadth = Math.max(0, px(phase.end) - left);
    return html`<rect class="phase phase-${i % 2}" x="${left.toFixed(1)}" y="${plot.top}" width="${breadth.toFixed(1)}" height="${plot.bottom - plot.top}"><title>${phase.name}</title></rect>
${breadth > phase.name.length * 5.4 ? html`<text class="phase-name" x="${(left + breadth / 2).toFixed(1)}" y="${plot.top - 8}" text-anchor="middle">${phase.name}</text>` : ''}`;
  })}
${(log ? logTicks(y0, y1) : ticks(y0, y1, 4)).map(
  (
    y,
  ) => html`<line class="rule" x1="${plot.left}" x2="${plot.right}" y1="${py(y).toFixed(1)}" y2="${py(y).toFixed(1)}"/>
<text class="tick" x="${plot.left - 6}" y="${(py(y) + 3.5).toFixed(1)}" text-anchor="end">${short(y)}</text>`,
)}
${ticks(x0, x1, 4).map((x) => html`<text class="tick" x="${px(x).toFixed(1)}" y="${plot.bottom + 15}" text-anchor="middle">${x.toLocaleString('en-GB')}</text>`)}
<text class="tick" x="${plot.right}" y="${height - 2}" text-anchor="end">${options.unit}${log ? ' · log scale' : ''}</text>
${series.map((s) => html`<path class="raw ${options.tone(s.model)}" d="${path(thinned(s.points, 400))}"/>`)}
${series.map((s, i) => html`<path class="mean ${options.tone(s.model)}" d="${path(thinned(smooth[i]!, 200))}"><title>${s.model}</title></path>`)}
${series.map((s, i) => {
  const [x, y] = smooth[i]!.at(-1)!;
  return html`<circle class="end ${options.tone(s.model)}" cx="${px(x).toFixed(1)}" cy="${py(y).toFixed(1)}" r="3.2"><title>${`${s.model}: ${short(y)}`}</title></circle>`;
})}`;
  const ends = series.map(({ model }, i) => ({ model, value: smooth[i]!.at(-1)![1] }));
  return { plot: marks, says: `${curve.component} over ${options.unit}. ${last}.`, ends };
}

/** Mean over a window that covers a twentieth of the points, so that the trend shows through the batches. */
function runningMean(points: readonly Point[]): Point[] {
  const reach = Math.floor(points.length / 40);
  return points.map(([x], i) => {
    const near = points.slice(Math.max(0, i - reach), i + reach + 1);
    return [x, near.reduce((total, [, y]) => total + y, 0) / near.length];
  });
}

function thinned(points: readonly Point[], most: number): readonly Point[] {
  const stride = Math.ceil(points.length / most);
  return stride <= 1 ? points : points.filter((_, i) => i % stride === 0 || i === points.length - 1);
}

const minimum = (values: readonly number[]) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
const maximum = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
const quantile = (sorted: readonly number[], q: number) => sorted[Math.round(q * (sorted.length - 1))]!;
const widened = (low: number, high: number): [number, number] =>
  high > low ? [low, high] : [low, low + Math.max(1e-6, Math.abs(low) * 0.1)];

/** About `wanted` round numbers (1, 2, 5 times a power of ten) within [low, high]. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.99) ?? rough;
  const found: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9) + 1e-12; i++)
    found.push(Number((i * step).toPrecision(12)));
  return found;
}

function logTicks(low: number, high: number): number[] {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const m of [1, 3]) if (m * 10 ** power >= low && m * 10 ** power <= high) found.push(m * 10 ** power);
  }
  return found;
}
