import sharp from 'sharp';
import type { AttentionMap, ExampleCard } from './data.js';
import { type Html, html } from './html.js';
import { percent } from './numbers.js';

/** Example images, each with what every model answered and where it looked. */
export async function examples(cards: readonly ExampleCard[], tone: (model: string) => string): Promise<Html> {
  return html`<ul class="examples">${await Promise.all(cards.map((example) => card(example, tone)))}</ul>`;
}

async function card(example: ExampleCard, tone: (model: string) => string): Promise<Html> {
  const image = `data:image/png;base64,${Buffer.from(example.png).toString('base64')}`;
  const maps = await Promise.all((example.attention ?? []).map(async (map) => ({ map, heat: await heatImage(map) })));
  return html`<li class="example">
<header><img class="image" src="${image}" alt="${`Image of ${example.truth}`}" width="84" height="84"><div><h3>${example.truth}</h3>${example.artist ? html`<p>by ${example.artist}</p>` : ''}</div></header>
${
  maps.length > 0 &&
  html`<div class="maps">${maps.map(
    ({ map, heat }) =>
      html`<figure><div class="overlay"><img src="${image}" alt=""><img class="heat" src="${heat}" alt="${`Where ${map.model} looked`}"></div><figcaption class="${tone(map.model)}"><i></i>${map.model}</figcaption></figure>`,
  )}</div>`
}
<div class="answers">${example.answers.map(
    ({
      model,
      top,
    }) => html`<div><h4 class="${tone(model)}"><i></i>${model} ${verdict(top[0]?.label === example.truth)}</h4>
<ol>${top.map(
      ({ label, probability }) =>
        html`<li class="${label === example.truth ? 'truth ' : ''}${tone(model)}"><span>${label}</span><b>${percent(probability, 0)} %</b><meter min="0" max="1" value="${probability.toFixed(4)}">${percent(probability, 0)} %</meter></li>`,
    )}</ol></div>`,
  )}</div>
</li>`;
}

const verdict = (right: boolean) =>
  right
    ? html`<span class="right" role="img" aria-label="right">✓</span>`
    : html`<span class="wrong" role="img" aria-label="wrong">✗</span>`;

/**
 * The map as a tiny PNG, one pixel a cell, which the browser stretches smoothly over the image:
 * what a model ignored is dimmed, what it looked at stays bright with a warm tint.
 */
async function heatImage({ grid: [rows, columns], weights }: AttentionMap): Promise<string> {
  const values = Array.from({ length: rows * columns }, (_, i) => weights[i] ?? 0);
  const high = Math.max(...values);
  const low = Math.min(...values);
  const pixels = new Uint8Array(values.length * 4);
  values.forEach((value, i) => {
    const w = high > low ? ((value - low) / (high - low)) ** 0.75 : 0;
    const tint = [24 + w * 231, 18 + w * 140, 66 * (1 - w) + 20 * w, 255 * (0.86 * (1 - w) + 0.16 * w)];
    pixels.set(tint.map(Math.round), i * 4);
  });
  const png = await sharp(pixels, { raw: { width: columns, height: rows, channels: 4 } })
    .png()
    .toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}
