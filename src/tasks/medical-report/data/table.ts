import { parse } from 'csv-parse/sync';
import { UserError } from '../../../errors.js';
import { readText } from '../../../files/index.js';
import { brief } from '../../../schema-issue.js';

/** In characters: a report has some hundreds. */
const longestRow = 2 ** 20;

/** Rows of a CSV file by column. Quoted cells may hold line breaks, as reports do. @throws UserError naming the file */
export async function readTable(file: string, columns: readonly string[]): Promise<Readonly<Record<string, string>>[]> {
  return tableRows(await readText(file), file, columns);
}

/** {@link readTable} of the file's text. */
export function tableRows(text: string, file: string, columns: readonly string[]): Readonly<Record<string, string>>[] {
  let rows: Record<string, string>[];
  try {
    rows = parse(text, {
      columns: true,
      bom: true,
      skip_empty_lines: true,
      relax_column_count: true,
      relax_quotes: true,
      // A quote that is never closed would swallow the rest.
      max_record_size: longestRow,
    });
  } catch (error) {
    // The parser's own message may quote the file.
    throw new UserError(`${file}: it cannot be read as CSV: ${(error as { code?: string }).code ?? 'damaged'}`);
  }
  const [first] = rows;
  const missing = columns.find((column) => !first || !Object.hasOwn(first, column));
  if (missing === undefined) return rows;
  throw new UserError(
    `${file}: expected a column ${missing}, got ${first ? brief(Object.keys(first).join(', ')) : 'no rows'}`,
  );
}
