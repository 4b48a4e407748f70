import type { ArtistAccuracy } from './data.js';
import { type Html, html } from './html.js';
import { chancePercent, percent } from './numbers.js';

/**
 * Top-1 by artist: one group of bars per artist, with the 95 % interval as a whisker and in figures.
 *
 * @param chance what guessing reaches, marked in each bar; left out: not marked
 */
export function artistBars(
  artists: readonly ArtistAccuracy[],
  models: readonly string[],
  tone: (model: string) => string,
  chance?: number,
): Html {
  const mark =
    chance !== undefined &&
    html`<span class="chance" style="left:${percent(chance, 2)}%" title="chance ${chancePercent(chance)}"></span>`;
  return html`<ul class="artists">${artists.map(
    (
      artist,
    ) => html`<li><h3>${artist.artist}${artist.unseen ? html` <em>unseen style</em>` : ''}<small>${artist.images.toLocaleString('en-GB')} images</small></h3>
${models.map((model) => {
  const found = artist.accuracy[model];
  if (!found) return html``;
  return html`<div class="bar ${tone(model)}"><span class="name">${model}</span><span class="track"><span class="fill" style="width:${percent(found.value, 2)}%"></span><span class="whisker" style="left:${percent(found.low, 2)}%;width:${percent(found.high - found.low, 2)}%"></span>${mark}</span><b>${percent(found.value)} % <small>${percent(found.low)}–${percent(found.high)}</small></b></div>`;
})}</li>`,
  )}</ul>`;
}
