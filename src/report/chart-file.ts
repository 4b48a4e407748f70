import type { LossCurve } from './data.js';
import { Html, html } from './html.js';
import { type ChartOptions, plotOf, plotSize } from './line-chart.js';
import { short } from './numbers.js';

const gap = 28;
const head = 44;
const foot = 26;

/** Tones as in a report; light or dark by the reader's system. */
const style = `svg{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;--card:#fff;--ink:#1a1c22;--soft:#5d6270;--line:#e2e2dc;--wash:#ecebf7;--t0:#6b7280;--t1:#c2660a;--t2:#4f46e5}
@media (prefers-color-scheme:dark){svg{--card:#1a1c23;--ink:#ececf1;--soft:#a0a5b4;--line:#2d303a;--wash:#23233a;--t0:#a3a9b6;--t1:#f2a04a;--t2:#9b95ff}}
.card{fill:var(--card)}.title{fill:var(--ink);font-size:14px;font-weight:600}.tick,.phase-name,.key{fill:var(--soft);font-size:11px}
.tone-0{--tone:var(--t0)}.tone-1{--tone:var(--t1)}.tone-2{--tone:var(--t2)}
.rule{stroke:var(--line)}.phase{fill:var(--wash)}path{fill:none;stroke:var(--tone);stroke-linejoin:round;stroke-linecap:round}
.raw{opacity:.26}.mean{stroke-width:2.1}.end,.dot{fill:var(--tone)}`;

/** Line charts beside each other as one SVG file that stands alone: no script, no font, nothing fetched. */
export function chartFile(title: string, curves: readonly LossCurve[], options: ChartOptions): string {
  const step = plotSize.width + gap;
  const width = gap + curves.length * step;
  const height = head + plotSize.height + foot + gap;
  const panels = curves.map((curve, i) => {
    const drawn = plotOf(curve, options);
    if (!drawn) return undefined;
    const keyStep = plotSize.width / drawn.ends.length;
    return html`<g transform="translate(${gap + i * step} 0)"><title>${drawn.says}</title>
<text class="title" y="28">${curve.component}</text>
<g transform="translate(0 ${head})">${drawn.plot}</g>
${drawn.ends.map(
  (
    { model, value },
    k,
  ) => html`<g class="${options.tone(model)}" transform="translate(${(k * keyStep).toFixed(1)} ${head + plotSize.height + foot})">
<circle class="dot" cx="5" cy="-4" r="4"/><text class="key" x="14">${model} ${short(value)}</text></g>`,
)}</g>`;
  });
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">
<style>${new Html(style)}</style>
<rect class="card" width="${width}" height="${height}" rx="14"/>
${panels}
</svg>
`.markup;
}
