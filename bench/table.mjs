// Rows of figures as a Markdown table.

/** A value as people read it. */
function cell(value) {
  if (typeof value === 'number') return Number(value.toPrecision(value >= 100 ? Math.ceil(Math.log10(value)) : 3));
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value ?? '–');
}

/** @param rows objects; their keys are the columns, in the order in which they first come */
export function table(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map((name) => name.replaceAll('_', ' '))),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map((name) => cell(row[name])))),
  ].join('\n');
}
