import type { FusionFigures } from '../distill/index.js';
import { writeFileAtomic } from '../files/index.js';
import { Html, html } from './html.js';
import { accuracy, percent } from './numbers.js';
import { style } from './style.js';

/** Bars of the histogram, each a tenth of the weight. */
const bins = 10;
const [wide, high, foot] = [340, 120, 18];

/**
 * Writes {@link teachersPage} to `file`.
 *
 * @throws UserError where the file cannot be written
 */
export async function writeTeachersPage(file: string, figures: FusionFigures): Promise<void> {
  await writeFileAtomic(file, teachersPage(figures));
}

/**
 * What several teachers are worth, as one HTML page without script or request: each alone, the equal mix, the rule, the oracle
 * pick, and how each teacher's weight is spread over the classes.
 */
export function teachersPage(figures: FusionFigures): string {
  const { teachers, equal, chosen, oracle, rule, split, images, classes } = figures;
  const rows = [
    ...teachers.map(
      ({ name, top1, weight, temperature }) => [name, top1, weight.toFixed(2), temperature.toFixed(2)] as const,
    ),
    ['equal mix', equal, '', ''] as const,
    [`rule: ${rule}`, chosen, '', ''] as const,
    ['oracle pick', oracle, '', ''] as const,
  ];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${teachers.length} teachers</title>
<style>${new Html(`${style}\n.weights rect{fill:var(--tone)}.weights text{fill:var(--soft);font-size:11px}`)}</style>
</head>
<body>
<main>
<header class="masthead">
<p class="brand">promptkd report</p>
<h1>${teachers.length} teachers</h1>
<p class="lead">Measured on ${images.toLocaleString('en-GB')} images of ${split} that nothing was trained on. The oracle pick is right wherever one teacher is: no choice of one teacher an image does better.</p>
</header>
<section id="figures" aria-labelledby="figures-title"><h2 id="figures-title">Figures</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Figures"><table>
<thead><tr><th scope="col">answers of</th><th scope="col">top-1</th><th scope="col">mean weight</th><th scope="col">temperature</th></tr></thead>
<tbody>${rows.map(([name, top1, weight, temperature]) => html`<tr><th scope="row">${name}</th><td>${accuracy(top1)}</td><td>${weight}</td><td>${temperature}</td></tr>`)}</tbody>
</table></div>
</section>
<section id="weights" aria-labelledby="weights-title"><h2 id="weights-title">Weights by class</h2>
<p class="note">How many classes give a teacher a mean weight of so much. ${classes.length.toLocaleString('en-GB')} classes occur.</p>
<div class="charts">${teachers.map(({ name }, k) =>
    histogram(
      name,
      classes.map(({ weights }) => weights[k]!),
      k,
    ),
  )}</div>
${extremes(figures)}
</section>
</main>
</body>
</html>
`.markup;
}

/** Classes by a teacher's mean weight, as bars. */
function histogram(name: string, weights: readonly number[], tone: number): Html {
  const counts = new Array<number>(bins).fill(0);
  for (const weight of weights) counts[Math.min(bins - 1, Math.floor(weight * bins))]!++;
  const most = Math.max(1, ...counts);
  const step = wide / bins;
  const says = counts.map((count, i) => `${percent(i / bins, 0)}–${percent((i + 1) / bins, 0)} %: ${count}`).join(', ');
  return html`<figure class="chart weights tone-${tone % 6}"><figcaption><h3>${name}</h3></figcaption>
<svg viewBox="0 0 ${wide} ${high + foot}" role="img" aria-label="Classes by mean weight of ${name}. ${says}">
${counts.map((count, i) => {
  const tall = (count / most) * (high - 14);
  return html`<rect x="${(i * step + 1).toFixed(1)}" y="${(high - tall).toFixed(1)}" width="${(step - 2).toFixed(1)}" height="${tall.toFixed(1)}"/>${count > 0 && html`<text x="${(i * step + step / 2).toFixed(1)}" y="${(high - tall - 3).toFixed(1)}" text-anchor="middle">${count}</text>`}`;
})}
<text x="0" y="${high + 13}">0 %</text><text x="${wide / 2}" y="${high + 13}" text-anchor="middle">mean weight</text><text x="${wide}" y="${high + 13}" text-anchor="end">100 %</text>
</svg></figure>`;
}

/** The classes in which each teacher weighs most. */
function extremes({ teachers, classes }: FusionFigures): Html {
  const of = (k: number) =>
    [...classes]
      .sort((a, b) => b.weights[k]! - a.weights[k]!)
      .slice(0, 8)
      .map(({ name, weights }) => `${name} ${percent(weights[k]!, 0)} %`)
      .join(', ');
  return html`<ul>${teachers.map(({ name }, k) => html`<li><p class="note"><b>${name}</b> weighs most in: ${of(k)}.</p></li>`)}</ul>`;
}
