import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type CsvError, type Info, parse } from 'csv-parse';
import { UserError } from '../../errors.js';
import type { Skipped } from '../dataset.js';

export type TableKind = 'csv' | 'tsv' | 'jsonl';

/** Cells by column. */
export type Row = Readonly<Record<string, unknown>>;
export interface NumberedRow {
  /** Where it ends in the file, from 1. */
  readonly line: number;
  readonly row: Row;
}

/** A quote that is never closed would otherwise swallow the rest of the file. */
const longestRow = 2 ** 20;

/**
 * The rows of a table, read as they are asked for. Rows that cannot be read are added to `skipped`.
 *
 * @throws UserError where the file cannot be read, or has no rows
 */
export async function* rowsOf(kind: TableKind, file: string, skipped: Skipped[]): AsyncGenerator<NumberedRow> {
  let any = false;
  for await (const row of kind === 'jsonl' ? jsonRows(file, skipped) : separatedRows(kind, file, skipped)) {
    any = true;
    yield row;
  }
  if (!any) {
    const [first] = skipped;
    throw new UserError(`${file}: expected rows, found none${first ? `; ${first.id}: ${first.reason}` : ''}`);
  }
}

async function* separatedRows(kind: 'csv' | 'tsv', file: string, skipped: Skipped[]): AsyncGenerator<NumberedRow> {
  const parser = parse({
    columns: true,
    bom: true,
    info: true,
    delimiter: kind === 'csv' ? ',' : '\t',
    // Captions in TSV files hold quotes that mean nothing.
    quote: kind === 'csv' ? '"' : null,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: longestRow,
    on_skip: (error) => {
      if (error) skipped.push({ id: `line ${error.lines}`, reason: reasonOf(error) });
    },
  });
  const source = createReadStream(file);
  source.on('error', (error) => parser.destroy(error));
  for await (const { record, info } of source.pipe(parser) as AsyncIterable<{ record: Row; info: Info }>) {
    yield { line: info.lines, row: record };
  }
}

function reasonOf(error: CsvError): string {
  if (error.code === 'CSV_RECORD_INCONSISTENT_COLUMNS') return 'it has more or fewer cells than the first line';
  return error.message;
}

async function* jsonRows(file: string, skipped: Skipped[]): AsyncGenerator<NumberedRow> {
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (text.trim() === '') continue;
    const row = parseObject(text);
    if (row) yield { line, row };
    else skipped.push({ id: `line ${line}`, reason: 'expected a JSON object' });
  }
}

function parseObject(text: string): Row | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Row) : undefined;
  } catch {
    return undefined;
  }
}
