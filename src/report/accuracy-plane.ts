import { at, ticks } from './axes.js';
import type { Interval } from './data.js';
import { Html, html } from './html.js';
import { type Box, placeLabels } from './place-labels.js';

/** A point of a plane: a model, a variant, an operating point. */
export interface PlanePoint {
  readonly name: string;
  /** Place on the horizontal axis. */
  readonly x: number;
  readonly top1: Interval;
  /** Filled instead of hollow. */
  readonly marked: boolean;
  /** Shown at a pointer. */
  readonly says: string;
}

export interface HorizontalAxis {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly scale: (x: number) => number;
  readonly ticks: readonly { readonly x: number; readonly text: string }[];
}

/** From values to places. */
export interface PlaneScales {
  readonly px: (x: number) => number;
  readonly py: (share: number) => number;
  readonly box: Box;
}

const [width, height] = [640, 420];
const box: Box = { left: 62, right: 612, top: 64, bottom: 352 };
const fontSize = 12;

const style = `svg{font:${fontSize}px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;--card:#fff;--ink:#1a1c22;--soft:#5d6270;--line:#e2e2dc;--tone:#4f46e5;--limit:#b3261e}
@media (prefers-color-scheme:dark){svg{--card:#1a1c23;--ink:#ececf1;--soft:#a0a5b4;--line:#2d303a;--tone:#9b95ff;--limit:#ff9d94}}
.card{fill:var(--card)}.title{fill:var(--ink);font-size:14px;font-weight:600}text{fill:var(--soft)}.name{fill:var(--ink)}
.rule{stroke:var(--line)}.front{fill:none;stroke:var(--tone);stroke-width:1.8}.tuned{fill:none;stroke:var(--soft);stroke-width:1.2;stroke-dasharray:2 3}.band{fill:var(--tone);opacity:.14}.dot{fill:var(--card);stroke:var(--soft);stroke-width:1.6}
.marked{fill:var(--tone);stroke:var(--tone)}.range{stroke:var(--soft);opacity:.6}.leader{stroke:var(--soft);opacity:.5;stroke-width:.8}.limit{stroke:var(--limit);stroke-width:1.4;stroke-dasharray:5 4}.limit-name{fill:var(--limit)}`;

/**
 * Top-1 over something else as an SVG file that stands alone: points with their 95 % intervals and names that do not
 * collide.
 *
 * @param more drawn behind the points, as a line or a limit; what labels shall not cover stands in `obstacles`
 */
export function accuracyPlane(
  title: string,
  axis: HorizontalAxis,
  points: readonly PlanePoint[],
  more: (scales: PlaneScales) => { readonly shapes: Html; readonly obstacles?: readonly Box[] },
  shares: readonly number[] = [],
): string {
  const all = [...shares, ...points.flatMap(({ top1 }) => [top1.low, top1.high])];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const space = Math.max(0.005, (high - low) * 0.08);
  const [y0, y1] = [Math.max(0, low - space), Math.min(1, high + space)];
  const [x0, x1] = [axis.scale(axis.low), axis.scale(axis.high)];
  const px = (x: number) => box.left + ((axis.scale(x) - x0) / (x1 - x0)) * (box.right - box.left);
  const py = (share: number) => box.bottom - ((share - y0) / (y1 - y0)) * (box.bottom - box.top);
  const { shapes, obstacles = [] } = more({ px, py, box });
  const ranges = points.map(
    ({ x, top1 }): Box => ({
      ...{ left: px(x) - 2, right: px(x) + 2 },
      ...{ top: py(top1.high), bottom: py(top1.low) },
    }),
  );
  const anchors = points.map(({ x, top1, name }) => ({ x: px(x), y: py(top1.value), text: name }));
  const labels = placeLabels(anchors, { ...box, right: width - 8 }, [...obstacles, ...ranges], fontSize);
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">
<style>${new Html(style)}</style>
<rect class="card" width="${width}" height="${height}" rx="14"/>
<text class="title" x="16" y="28">${title}</text>
<text x="16" y="50">top-1</text>
${ticks(y0 * 100, y1 * 100, 5).map(
  (y) => html`<line class="rule" x1="${box.left}" x2="${box.right}" y1="${at(py(y / 100))}" y2="${at(py(y / 100))}"/>
<text x="${box.left - 8}" y="${at(py(y / 100) + 4)}" text-anchor="end">${y} %</text>`,
)}
${axis.ticks.map(({ x, text }) => html`<text x="${at(px(x))}" y="${box.bottom + 18}" text-anchor="middle">${text}</text>`)}
<text x="${(box.left + box.right) / 2}" y="${box.bottom + 38}" text-anchor="middle">${axis.name}</text>
<text x="${box.right}" y="${height - 10}" text-anchor="end">vertical bars: 95 % intervals of top-1</text>
${shapes}
${points.map(({ x, top1, marked, says }, i) => {
  const [cx, label] = [at(px(x)), labels[i]!];
  const [toX, toY] = nearest(label.box, px(x), py(top1.value));
  return html`${label.far && html`<line class="leader" x1="${cx}" y1="${at(py(top1.value))}" x2="${at(toX)}" y2="${at(toY)}"/>`}
<line class="range" x1="${cx}" x2="${cx}" y1="${at(py(top1.low))}" y2="${at(py(top1.high))}"/>
<circle class="${marked ? 'dot marked' : 'dot'}" cx="${cx}" cy="${at(py(top1.value))}" r="5"><title>${says}</title></circle>`;
})}
${points.map(({ name }, i) => html`<text class="name" x="${at(labels[i]!.x)}" y="${at(labels[i]!.y)}" text-anchor="middle">${name}</text>`)}
</svg>
`.markup;
}

/** The point of a box that is nearest to another: where a line to a label ends, so that it does not cross the text. */
const nearest = ({ left, top, right, bottom }: Box, x: number, y: number): [number, number] => [
  Math.max(left, Math.min(right, x)),
  Math.max(top, Math.min(bottom, y)),
];
