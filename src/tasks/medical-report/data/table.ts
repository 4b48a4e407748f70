import { parse } from 'csv-parse/sync';
import { UserError } from '../../../errors.js';
import { readText } from '../../../files/index.js';

/** Rows of a CSV file by column. Quoted cells may hold line breaks, as reports do. @throws UserError naming the file */
export async function readTable(file: string, columns: readonly string[]): Promise<Readonly<Record<string, string>>[]> {
  const text = await readText(file);
  let rows: Record<string, string>[];
  try {
    rows = parse(text, {
      columns: true,
      bom: true,
      skip_empty_lines: true,
      relax_column_count: true,
      relax_quotes: true,
    });
  } catch (error) {
    // The parser's own message may quote the file.
    throw new UserError(`${file}: it cannot be read as CSV: ${(error as { code?: string }).code ?? 'damaged'}`);
  }
  const [first] = rows;
  const missing = columns.find((column) => !first || !(column in first));
  if (missing === undefined) return rows;
  throw new UserError(
    `${file}: expected a column ${missing}, got ${first ? Object.keys(first).join(', ') : 'no rows'}`,
  );
}
