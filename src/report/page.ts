import { writeFile } from 'node:fs/promises';
import { artistBars } from './artists.js';
import { comparisonTable, headline } from './comparison.js';
import type { ReportData } from './data.js';
import { examples } from './examples.js';
import { Html, html } from './html.js';
import { lineChart } from './line-chart.js';
import { chancePercent } from './numbers.js';
import { style } from './style.js';

/** Writes {@link reportPage} to `file`. */
export async function writeReport(file: string, data: ReportData): Promise<void> {
  await writeFile(file, await reportPage(data));
}

/** The report as one HTML page: no script, no request, all images inside; its content security policy says so. */
export async function reportPage(data: ReportData): Promise<string> {
  const names = data.models.map((m) => m.name);
  const tone = (model: string) => `tone-${names.includes(model) ? names.indexOf(model) % 6 : 5}`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${data.title}</title>
<style>${new Html(style)}</style>
</head>
<body>
<main>
<header class="masthead">
<p class="brand">promptkd report</p>
<h1>${data.title}</h1>
<p class="lead">${data.summary}</p>
<dl class="facts">${data.facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</header>
${headline(data.models)}
${section('comparison', 'Comparison', comparisonTable(data.models, tone, data.chance))}
${
  data.curves.length > 0 &&
  section(
    'curves',
    'Losses',
    html`<div class="charts">${data.curves.map((curve) => lineChart(curve, { phases: data.phases.spans, unit: data.curveUnit, tone }))}</div>`,
    html`One panel per loss. Faint: the value of each step. Solid: a running mean within each phase. ${data.phases.spans.length > 0 && `Shaded: the training phases of ${data.phases.model}. `}<span class="screen">Point at a panel to read its values.</span>`,
  )
}
${
  data.examples.length > 0 &&
  section(
    'examples',
    'Images and answers',
    await examples(data.examples, tone),
    'Each model’s three most likely answers, and its last layer’s attention from the class token over the image: bright is where it looked.',
  )
}
${
  data.artists.length > 0 &&
  section(
    'artists',
    'Accuracy by artist',
    artistBars(data.artists, names, tone, data.chance?.top1),
    `Zero-shot top-1 with its 95 % interval.${data.chance?.top1 === undefined ? '' : ` Vertical line: chance, ${chancePercent(data.chance.top1)}.`}`,
  )
}
${section('recipe', 'Recipe', html`<details><summary>The recipe as run</summary><div class="scroll" tabindex="0" role="region" aria-label="Recipe"><pre>${data.recipe}</pre></div></details>`)}
</main>
</body>
</html>
`;
  return page.markup;
}

function section(id: string, title: string, body: Html, note?: Html | string): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${note && html`<p class="note">${note}</p>`}
${body}</section>`;
}
