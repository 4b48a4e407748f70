import type { LossCurve, PhaseSpan } from './data.js';
import { Html, html } from './html.js';
import { lineChart } from './line-chart.js';
import { style } from './style.js';

/** What a page on one or several runs shows. */
export interface RunsPage {
  readonly title: string;
  readonly summary: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** The runs' names, and rows of figures with a value for each run. */
  readonly runs: readonly string[];
  readonly figures: readonly (readonly [name: string, values: readonly string[]])[];
  readonly losses: readonly LossCurve[];
  readonly evaluations: readonly LossCurve[];
  /** Rate, gradient norm, speed. */
  readonly training: readonly LossCurve[];
  /** Stretches of the training that are shaded. */
  readonly phases: readonly PhaseSpan[];
  /** Recipe fields in which runs differ, with a value for each run. */
  readonly differences: readonly (readonly [field: string, values: readonly string[]])[];
  /** Recipes as run, YAML. */
  readonly recipes: readonly { readonly run: string; readonly text: string }[];
}

/** The page as HTML: no script, no request; its content security policy says so. */
export function runsPage(page: RunsPage): string {
  const { title, summary, facts, runs, figures, losses, evaluations, training, phases, differences, recipes } = page;
  // The first tone is grey, the teacher's.
  const tone = (run: string) => `tone-${runs.includes(run) ? 1 + ((runs.indexOf(run) + 1) % 4) : 0}`;
  const charts = (curves: readonly LossCurve[]) =>
    html`<div class="charts">${curves.map((curve) => lineChart(curve, { phases, unit: 'training step', tone }))}</div>`;
  const reading = html`Faint: the value of each step. Solid: a running mean within each phase. ${phases.length > 0 && 'Shaded: the phases. '}<span class="screen">Point at a panel to read its values.</span>`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${new Html(style)}.plain thead td{border-top:0}.plain td,.plain th{white-space:normal;overflow-wrap:anywhere;vertical-align:top}.plain th[scope=row]{min-width:0}</style>
</head>
<body>
<main>
<header class="masthead">
<p class="brand">promptkd report</p>
<h1>${title}</h1>
<p class="lead">${summary}</p>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</header>
${section('figures', 'Figures', table(runs, figures, tone))}
${evaluations.length > 0 && section('evaluations', 'Evaluations', charts(evaluations), 'On images that are not trained on, the same each time.')}
${losses.length > 0 && section('losses', 'Losses', charts(losses), reading)}
${training.length > 0 && section('training', 'Training', charts(training))}
${differences.length > 0 && section('differences', 'Where the recipes differ', table(runs, differences, tone))}
${section(
  'recipes',
  recipes.length > 1 ? 'Recipes' : 'Recipe',
  html`${recipes.map(({ run, text }) => html`<details><summary>${recipes.length > 1 ? run : 'The recipe as run'}</summary><div class="scroll" tabindex="0" role="region" aria-label="Recipe of ${run}"><pre>${text}</pre></div></details>`)}`,
)}
</main>
</body>
</html>
`.markup;
}

function table(
  runs: readonly string[],
  rows: readonly (readonly [name: string, values: readonly string[]])[],
  tone: (run: string) => string,
): Html {
  return html`<div class="scroll plain" tabindex="0" role="region" aria-label="Figures"><table>
<thead><tr><td></td>${runs.map((run) => html`<th scope="col" class="${tone(run)}"><i></i>${run}</th>`)}</tr></thead>
<tbody>${rows.map(([name, values]) => html`<tr><th scope="row">${name}</th>${values.map((value) => html`<td>${value}</td>`)}</tr>`)}</tbody>
</table></div>`;
}

function section(id: string, title: string, body: Html, note?: Html | string): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${note && html`<p class="note">${note}</p>`}
${body}</section>`;
}
