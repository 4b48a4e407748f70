import type { ArtistAccuracy } from './data.js';
import { type Html, html } from './html.js';
import { percent } from './numbers.js';

/** Top-1 by artist: one group of bars an artist, with the 95 % interval as a whisker. */
export function artistBars(
  artists: readonly ArtistAccuracy[],
  models: readonly string[],
  tone: (model: string) => string,
): Html {
  return html`<ul class="artists">${artists.map(
    (
      artist,
    ) => html`<li><h3>${artist.artist}${artist.unseen ? html` <em>unseen style</em>` : ''}<small>${artist.drawings.toLocaleString('en-GB')} drawings</small></h3>
${models.map((model) => {
  const found = artist.accuracy[model];
  if (!found) return html``;
  return html`<div class="bar ${tone(model)}"><span class="name">${model}</span><span class="track"><span class="fill" style="width:${percent(found.value, 2)}%"></span><span class="whisker" style="left:${percent(found.low, 2)}%;width:${percent(found.high - found.low, 2)}%"></span></span><b>${percent(found.value)} %</b></div>`;
})}</li>`,
  )}</ul>`;
}
