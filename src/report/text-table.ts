/** Rows of cells in aligned columns for a terminal: the first row is the head. Columns in `left` are aligned left. */
export function textTable(rows: readonly (readonly string[])[], left: readonly number[] = [0]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((text, i) => (left.includes(i) ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  const [head, ...body] = rows.map(line);
  return [head, '─'.repeat(widths.reduce((a, b) => a + b + 2, -2)), ...body].join('\n');
}

/** Columns of a terminal that a table fits into. */
const terminal = 80;

/**
 * {@link textTable}, of which columns that do not fit into 80 characters follow in tables of their own below, each beginning with
 * the first column. A single column that is wider stays whole.
 */
export function foldedTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const parts: number[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const [column, width] of widths.entries()) {
    if (column === 0) continue;
    if (used + 2 + width > terminal) {
      parts.push([0]);
      used = widths[0]!;
    }
    parts.at(-1)!.push(column);
    used += 2 + width;
  }
  return parts.map((part) => textTable(rows.map((cells) => part.map((column) => cells[column]!)))).join('\n\n');
}
