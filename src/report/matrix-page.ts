import { type HeatMap, heatMap, heatStyle } from './heat-map.js';
import { Html, html } from './html.js';
import { style } from './style.js';

/** A page of one table and some matrices. */
export interface MatrixPage {
  readonly title: string;
  readonly summary: string;
  /** The first row is the head, the first column names the rows. */
  readonly table: readonly (readonly string[])[];
  readonly note: string;
  readonly maps: readonly HeatMap[];
  /** What the cells of the maps are. */
  readonly mapsNote: string;
}

/** One HTML page: no script, no request; its content security policy says so. */
export function matrixPage({ title, summary, table, note, maps, mapsNote }: MatrixPage): string {
  const [head, ...rows] = table;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${new Html(style + heatStyle)}</style>
</head>
<body>
<main>
<header class="masthead"><p class="brand">promptkd report</p><h1>${title}</h1><p class="lead">${summary}</p></header>
<section aria-labelledby="figures"><h2 id="figures">Figures</h2><p class="note">${note}</p>
<div class="scroll" tabindex="0" role="region" aria-label="Figures"><table>
<thead><tr>${head!.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map(([name, ...cells]) => html`<tr><th scope="row">${name}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
</table></div></section>
<section aria-labelledby="matrices"><h2 id="matrices">Accuracy on each task after each task</h2><p class="note">${mapsNote}</p>
${maps.map(heatMap)}</section>
</main>
</body>
</html>
`.markup;
}
