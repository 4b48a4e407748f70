import { type Html, html } from './html.js';
import { percent } from './numbers.js';

/** A matrix of shares as a table whose cells are tinted by their values. */
export interface HeatMap {
  readonly title: string;
  /** What stands above the row names. */
  readonly corner: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** [rows][columns], from 0 to 1 */
  readonly values: readonly (readonly number[])[];
  /** Of these cells the border is marked. */
  readonly marked?: (row: number, column: number) => boolean;
}

/** Numbers stand in the cells: the tint says nothing that they do not. */
export function heatMap({ title, corner, rows, columns, values, marked }: HeatMap): Html {
  const all = values.flat();
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const tint = (value: number) => Math.round(high > low ? (70 * (value - low)) / (high - low) : 35);
  return html`<figure class="heat"><figcaption><h3>${title}</h3></figcaption>
<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr><th scope="col">${corner}</th>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map(
    (name, j) =>
      html`<tr><th scope="row">${name}</th>${values[j]!.map(
        (value, i) =>
          html`<td${marked?.(j, i) ? html` class="own"` : ''} style="background:color-mix(in srgb,var(--t3) ${tint(value)}%,transparent)">${percent(value)}</td>`,
      )}</tr>`,
  )}</tbody></table></div></figure>`;
}

/** Of the heat map, beside the report's own. */
export const heatStyle = '.heat{margin-top:24px}.heat td.own{outline:2px solid var(--ink);outline-offset:-2px}';
