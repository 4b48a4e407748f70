import { at, logTicks, textWidth, ticks, widened } from './axes.js';
import type { LossCurve, LossPoint, PhaseSpan } from './data.js';
import { type Html, html } from './html.js';
import { short } from './numbers.js';

const width = 340;
const plot = { left: 40, right: 334, height: 168 };
const fontSize = 11;
const lineHeight = 14;
/** Of the values' range, above and below it. */
const margin = 0.06;
/** Places along the horizontal axis where a pointer reads the values. */
const probes = 40;

export interface ChartOptions {
  readonly phases: readonly PhaseSpan[];
  /** Name of the horizontal axis, as `training step`. */
  readonly unit: string;
  /** Class of a line's colour. */
  readonly tone: (model: string) => string;
}

/** A line that is drawn: as it was reported, and its running mean. */
interface Line {
  readonly model: string;
  readonly raw: readonly LossPoint[];
  readonly mean: readonly LossPoint[];
}

/** From values to places in the chart. */
interface Scales {
  readonly px: (x: number) => number;
  readonly py: (y: number) => number;
  readonly top: number;
  readonly bottom: number;
}

/**
 * One loss with its title, the lines of the models that have it, and each line's last value. Raw values are faint with a
 * running mean on top, both broken between phases; a value that a phase has alone is a dot. Phases are shaded and named. The vertical axis is logarithmic where
 * values span decades. A pointer over the chart shows step and values, by style alone.
 */
export function lineChart(curve: LossCurve, options: ChartOptions): Html {
  const lines = curve.series.flatMap(({ model, phases }) =>
    phases.flatMap(({ points }): Line[] => {
      const raw = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
      return raw.length > 0 ? [{ model, raw, mean: runningMean(raw) }] : [];
    }),
  );
  if (lines.length === 0) return html``;
  const models = [...new Set(lines.map(({ model }) => model))];
  const ends = models.map((model) => {
    const last = lines.findLast((line) => line.model === model)!;
    return { model, end: last.mean.at(-1)! };
  });
  const { phases, unit, tone } = options;
  const xs = [...lines.flatMap(({ raw }) => raw.map(([x]) => x)), ...phases.flatMap((p) => [p.start, p.end])];
  const [x0, x1] = widened(minimum(xs), maximum(xs));
  const { y0, y1, log } = verticalRange(lines);
  const px = (x: number) => plot.left + ((x - x0) / (x1 - x0)) * (plot.right - plot.left);
  const labels = phaseLabels(phases, px);
  const top = 20 + lineHeight * Math.max(1, ...labels.map(({ row }) => row + 1));
  const bottom = top + plot.height;
  const share = (y: number) => (log ? Math.log(y / y0) / Math.log(y1 / y0) : (y - y0) / (y1 - y0));
  const py = (y: number) => bottom - Math.min(1, Math.max(0, share(y))) * plot.height;
  const scales: Scales = { px, py, top, bottom };
  const last = ends.map(({ model, end }) => `${model} ends at ${short(end[1])}`).join('; ');
  const says = `${curve.component} by ${unit}. ${last}.`;
  const path = (points: readonly LossPoint[]) =>
    points.map(([x, y], i) => `${i ? 'L' : 'M'}${at(px(x))} ${at(py(y))}`).join('');
  return html`<figure class="chart">
<figcaption><h3>${curve.component}</h3>${curve.about ? html`<p>${curve.about}</p>` : ''}</figcaption>
<svg viewBox="0 0 ${width} ${bottom + 36}" role="img" aria-label="${says}">
<text class="tick" x="0" y="11">${curve.value ?? 'loss'}${log && ', logarithmic'}</text>
${labels.map(
  (
    { phase, x, row },
    i,
  ) => html`<rect class="phase phase-${i % 2}" x="${at(px(phase.start))}" y="${top}" width="${at(Math.max(0.5, px(phase.end) - px(phase.start)))}" height="${plot.height}"/>
<text class="phase-name" x="${at(x)}" y="${20 + row * lineHeight + 9}" text-anchor="middle">${phase.name}</text>
<line class="leader" x1="${at(px((phase.start + phase.end) / 2))}" x2="${at(px((phase.start + phase.end) / 2))}" y1="${20 + row * lineHeight + 12}" y2="${top}"/>`,
)}
${(log ? logTicks(y0, y1) : ticks(y0, y1, 4)).map(
  (y) => html`<line class="rule" x1="${plot.left}" x2="${plot.right}" y1="${at(py(y))}" y2="${at(py(y))}"/>
<text class="tick" x="${plot.left - 6}" y="${at(py(y) + 3.5)}" text-anchor="end">${short(y)}</text>`,
)}
${ticks(x0, x1, 4).map((x) => html`<text class="tick" x="${at(px(x))}" y="${bottom + 15}" text-anchor="middle">${x.toLocaleString('en-GB')}</text>`)}
<text class="tick" x="${(plot.left + plot.right) / 2}" y="${bottom + 32}" text-anchor="middle">${unit}</text>
${lines.map(({ model, raw }) => html`<path class="raw ${tone(model)}" d="${path(thinned(raw, 400))}"/>`)}
${lines.map(({ model, mean }) => html`<path class="mean ${tone(model)}" d="${path(thinned(mean, 200))}"/>`)}
${lines.flatMap(({ model, mean: [point, ...more] }) =>
  more.length > 0 || !point
    ? []
    : [html`<circle class="end lone ${tone(model)}" cx="${at(px(point[0]))}" cy="${at(py(point[1]))}" r="2.2"/>`],
)}
${ends.map(({ model, end: [x, y] }) => html`<circle class="end ${tone(model)}" cx="${at(px(x))}" cy="${at(py(y))}" r="3.2"/>`)}
${readings(lines, options, [x0, x1], scales)}
</svg>
<ul class="key">${ends.map(({ model, end }) => html`<li class="${tone(model)}"><i></i>${model} <b>${short(end[1])}</b></li>`)}</ul>
</figure>`;
}

/** Outliers of single batches must not flatten the curve: the axis follows the running means and most raw values. */
function verticalRange(lines: readonly Line[]): { y0: number; y1: number; log: boolean } {
  const raw = lines.flatMap((line) => line.raw.map(([, y]) => y)).sort((a, b) => a - b);
  const means = lines.flatMap((line) => line.mean.map(([, y]) => y));
  const low = Math.min(minimum(means), quantile(raw, 0.01));
  const high = Math.max(maximum(means), quantile(raw, 0.99));
  const log = low > 0 && high / low > 30;
  if (log) {
    const [y0, y1] = widened(low, high);
    return { y0, y1, log };
  }
  const [y0, y1] = widened(low > 0 && low < high * 0.5 ? 0 : low, high);
  // Values stand clear of the frame.
  const space = margin * (y1 - y0);
  return { y0: y0 === 0 ? 0 : y0 > 0 ? Math.max(0, y0 - space) : y0 - space, y1: y1 + space, log };
}

/** Names over their phases, each in the first row where none before it is in its way. */
function phaseLabels(
  phases: readonly PhaseSpan[],
  px: (x: number) => number,
): { readonly phase: PhaseSpan; readonly x: number; readonly row: number }[] {
  const taken: number[] = [];
  return phases.map((phase) => {
    const half = textWidth(phase.name, fontSize) / 2;
    const middle = px((phase.start + phase.end) / 2);
    const x = Math.max(half, Math.min(width - half, middle));
    const free = taken.findIndex((end) => end + 6 <= x - half);
    const row = free < 0 ? taken.length : free;
    taken[row] = x + half;
    return { phase, x, row };
  });
}

/** What stands where a pointer is: a strip that takes it, and beside a line the step and each model's running mean. */
function readings(
  lines: readonly Line[],
  { phases, tone }: ChartOptions,
  [x0, x1]: readonly [number, number],
  { px, py, top, bottom }: Scales,
): Html[] {
  const strip = (x1 - x0) / probes;
  return Array.from({ length: probes }, (_, n) => {
    const middle = x0 + (n + 0.5) * strip;
    const found = lines.flatMap(({ model, mean }) => {
      const near = mean.reduce((best, point) =>
        Math.abs(point[0] - middle) < Math.abs(best[0] - middle) ? point : best,
      );
      return Math.abs(near[0] - middle) <= strip / 2 ? [{ model, point: near }] : [];
    });
    if (found.length === 0) return html``;
    const [step] = found[0]!.point;
    const phase = phases.find(({ start, end }) => step > start && step <= end);
    const texts = [
      { text: `${step.toLocaleString('en-GB')}${phase ? ` · ${phase.name}` : ''}`, model: undefined },
      ...found.map(({ model, point }) => ({ text: `${model} ${short(point[1])}`, model })),
    ];
    const breadth = Math.max(...texts.map(({ text }) => textWidth(text, fontSize))) + 26;
    const x = px(step);
    const left = Math.max(0, x < width / 2 ? Math.min(x + 8, width - breadth) : x - 8 - breadth);
    return html`<g class="probe"><rect x="${at(px(middle) - (plot.right - plot.left) / probes / 2)}" y="${top}" width="${at((plot.right - plot.left) / probes)}" height="${at(bottom - top)}"/>
<g class="reading"><line x1="${at(x)}" x2="${at(x)}" y1="${top}" y2="${bottom}"/>${found.map(
      ({ model, point }) =>
        html`<circle class="end ${tone(model)}" cx="${at(px(point[0]))}" cy="${at(py(point[1]))}" r="3.2"/>`,
    )}<rect x="${at(left)}" y="${top + 4}" width="${at(breadth)}" height="${texts.length * lineHeight + 8}" rx="5"/>${texts.map(
      ({ text, model }, row) =>
        html`${model !== undefined && html`<circle class="dot ${tone(model)}" cx="${at(left + 10)}" cy="${top + 14 + row * lineHeight}" r="3.5"/>`}<text x="${at(left + (model === undefined ? 7 : 18))}" y="${top + 18 + row * lineHeight}">${text}</text>`,
    )}</g></g>`;
  });
}

/** Mean over a window that covers a twentieth of the points, so that the trend shows through the batches. */
function runningMean(points: readonly LossPoint[]): LossPoint[] {
  const reach = Math.floor(points.length / 40);
  return points.map(([x], i) => {
    const near = points.slice(Math.max(0, i - reach), i + reach + 1);
    return [x, near.reduce((total, [, y]) => total + y, 0) / near.length];
  });
}

function thinned(points: readonly LossPoint[], most: number): readonly LossPoint[] {
  const stride = Math.ceil(points.length / most);
  return stride <= 1 ? points : points.filter((_, i) => i % stride === 0 || i === points.length - 1);
}

const minimum = (values: readonly number[]) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
const maximum = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
const quantile = (sorted: readonly number[], q: number) => sorted[Math.round(q * (sorted.length - 1))]!;
