import { Html, html } from './html.js';
import { ticks } from './line-chart.js';
import { bytes as formatBytes, percent } from './numbers.js';

/** One variant: how large, how right (a fraction, with its interval), and whether none beats it in both. */
export interface ParetoPoint {
  readonly name: string;
  readonly bytes: number;
  readonly top1: { readonly value: number; readonly low: number; readonly high: number };
  readonly best: boolean;
}

const [width, height] = [640, 420];
const plot = { left: 62, right: 600, top: 56, bottom: 360 };

const style = `svg{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;--card:#fff;--ink:#1a1c22;--soft:#5d6270;--line:#e2e2dc;--tone:#4f46e5}
@media (prefers-color-scheme:dark){svg{--card:#1a1c23;--ink:#ececf1;--soft:#a0a5b4;--line:#2d303a;--tone:#9b95ff}}
.card{fill:var(--card)}.title{fill:var(--ink);font-size:14px;font-weight:600}text{fill:var(--soft)}.name{fill:var(--ink)}
.rule{stroke:var(--line)}.front{fill:none;stroke:var(--tone);stroke-width:1.6;opacity:.6}.dot{fill:var(--card);stroke:var(--soft);stroke-width:1.6}
.best{fill:var(--tone);stroke:var(--tone)}.range{stroke:var(--soft);opacity:.5}`;

/** Top-1 over bytes (logarithmic) as an SVG file that stands alone; the line joins the variants that none beats. */
export function paretoFile(title: string, points: readonly ParetoPoint[]): string {
  const sizes = points.map(({ bytes }) => Math.log2(bytes));
  const [x0, x1] = [Math.min(...sizes) - 0.4, Math.max(...sizes) + 0.4];
  const [low, high] = [Math.min(...points.map((p) => p.top1.low)), Math.max(...points.map((p) => p.top1.high))];
  const space = Math.max(0.005, (high - low) * 0.08);
  const [y0, y1] = [Math.max(0, low - space), Math.min(1, high + space)];
  const px = (bytes: number) => plot.left + ((Math.log2(bytes) - x0) / (x1 - x0)) * (plot.right - plot.left);
  const py = (share: number) => plot.bottom - ((share - y0) / (y1 - y0)) * (plot.bottom - plot.top);
  const doublings = Array.from({ length: Math.floor(x1) - Math.ceil(x0) + 1 }, (_, i) => 2 ** (Math.ceil(x0) + i));
  const front = points.filter(({ best }) => best).sort((a, b) => a.bytes - b.bytes);
  const path = front.map(
    ({ bytes, top1 }, i) => `${i ? 'L' : 'M'}${px(bytes).toFixed(1)} ${py(top1.value).toFixed(1)}`,
  );
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">
<style>${new Html(style)}</style>
<rect class="card" width="${width}" height="${height}" rx="14"/>
<text class="title" x="${plot.left}" y="30">${title}</text>
${ticks(y0 * 100, y1 * 100, 5).map(
  (
    y,
  ) => html`<line class="rule" x1="${plot.left}" x2="${plot.right}" y1="${py(y / 100).toFixed(1)}" y2="${py(y / 100).toFixed(1)}"/>
<text x="${plot.left - 8}" y="${(py(y / 100) + 4).toFixed(1)}" text-anchor="end">${y} %</text>`,
)}
${doublings.map((size) => html`<text x="${px(size).toFixed(1)}" y="${plot.bottom + 18}" text-anchor="middle">${formatBytes(size)}</text>`)}
<text x="${plot.right}" y="${height - 16}" text-anchor="end">bytes on disk, logarithmic · bars: 95 % intervals of top-1</text>
<path class="front" d="${path.join('')}"/>
${points.map(({ name, bytes, top1, best }) => {
  const [x, y] = [px(bytes).toFixed(1), py(top1.value)];
  return html`<line class="range" x1="${x}" x2="${x}" y1="${py(top1.low).toFixed(1)}" y2="${py(top1.high).toFixed(1)}"/>
<circle class="${best ? 'dot best' : 'dot'}" cx="${x}" cy="${y.toFixed(1)}" r="5"><title>${name}: ${percent(top1.value)} %, ${formatBytes(bytes)}</title></circle>
<text class="name" x="${x}" y="${(y - 11).toFixed(1)}" text-anchor="middle">${name}</text>`;
})}
</svg>
`.markup;
}
