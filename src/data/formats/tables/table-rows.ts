import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type CsvError, type Info, parse } from 'csv-parse';
import { UserError } from '../../../errors.js';
import type { Skipped } from '../../dataset.js';
import { rowsOfDocument } from '../json/json-document.js';
import { readElements } from '../json/json-elements.js';
import { readLongLines, readText, readWholeText } from '../text-file.js';
import { imageName } from './column-contents.js';
import { findSeparation, type Separation } from './separators.js';

export type TableKind = 'csv' | 'tsv' | 'jsonl';

/** Cells by column. */
export type Row = ReadonlyMap<string, unknown>;
export interface NumberedRow {
  /** Where it ends in the file, from 1. */
  readonly line: number;
  readonly row: Row;
}

/** In characters. A quote that is never closed would otherwise swallow the rest of the file. */
const longestRow = 2 ** 20;
/** Cells without letters count for nothing in that. */
const mostCells = 20_000;
/** Lines of JSON may hold lists of numbers beside their texts. */
const longestJson = 2 ** 25;
/** In bytes. A JSON object that is a whole table is read at once. */
const largestDocument = 2 ** 28;
/** So much of a file is looked at for its separator. */
const startLength = 2 ** 16;

/**
 * The rows of a table, read as they are asked for: text with separators, or a JSON object a line, or a JSON list of objects.
 * Rows that cannot be read are added to `skipped`.
 *
 * @throws UserError where the file cannot be read, or has no rows
 */
export async function* rowsOf(kind: TableKind, file: string, skipped: Skipped[]): AsyncGenerator<NumberedRow> {
  let any = false;
  const start = await startOf(file);
  const rows =
    kind !== 'jsonl'
      ? separatedRows(findSeparation(kind, start), file, skipped)
      : start.trimStart().startsWith('[')
        ? listedRows(file, skipped)
        : ((await documentRows(file, start, skipped)) ?? jsonRows(file, skipped));
  for await (const row of rows) {
    any = true;
    yield row;
  }
  if (!any) {
    const [first] = skipped;
    throw new UserError(`${file}: expected rows, found none${first ? `; ${first.id}: ${first.reason}` : ''}`);
  }
}

async function startOf(file: string): Promise<string> {
  let start = '';
  for await (const piece of readText(file)) {
    start += piece;
    if (start.length >= startLength) break;
  }
  return start.slice(0, startLength);
}

async function* separatedRows(
  { delimiter, isQuoted, before }: Separation,
  file: string,
  skipped: Skipped[],
): AsyncGenerator<NumberedRow> {
  const parser = parse({
    info: true,
    delimiter,
    // Captions in TSV files hold quotes that mean nothing.
    quote: isQuoted ? '"' : null,
    relax_quotes: true,
    relax_column_count: true,
    ltrim: delimiter !== '\t',
    rtrim: delimiter !== '\t',
    from_line: before + 1,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: longestRow,
    on_skip: (error) => {
      if (error) skipped.push({ id: `line ${error.lines}`, reason: reasonOf(error) });
    },
  });
  const source = Readable.from(withFewCells(readText(file), delimiter, file));
  source.on('error', (error) => parser.destroy(error));
  let [header, isNumbered]: [string[] | undefined, boolean] = [undefined, false];
  for await (const { record, info } of source.pipe(parser) as AsyncIterable<{ record: string[]; info: Info }>) {
    if (!header) {
      const cells = record.map((name) => name.replace(/^\s*"(.*)"\s*$/s, '$1').trim());
      isNumbered = numberedImage.test(cells[0] ?? '');
      const image = isNumbered ? undefined : cells.find((cell) => imageName.test(cell));
      if (image !== undefined) {
        throw new UserError(
          `${file}: its first line names the image ${image}: expected the names of the columns, for example image${delimiter === '\t' ? '<tab>' : delimiter}caption; write them above it`,
        );
      }
      header = isNumbered ? ['image', 'caption'] : differentNames(cells);
      if (!isNumbered) continue;
    }
    if (isNumbered) record[0] = record[0]!.replace(/#\d+$/, '');
    // Some programs end each row with a separator.
    const cells = record.slice(0, header.length);
    if (isUnquotedText(header, record, delimiter)) cells[1] = record.slice(1).join(', ');
    else if (cells.length < header.length || record.slice(header.length).some((cell) => cell.trim() !== '')) {
      skipped.push({ id: `line ${info.lines}`, reason: 'it has more or fewer cells than the first line' });
      continue;
    }
    const row = new Map<string, unknown>();
    for (const [i, name] of header.entries()) if (name !== '') row.set(name, cells[i]);
    yield { line: info.lines, row };
  }
}

/** A text as it is. @throws UserError where a line has more separators than any table has columns */
async function* withFewCells(text: AsyncIterable<string>, delimiter: string, file: string): AsyncGenerator<string> {
  const [end, separator] = ['\n'.charCodeAt(0), delimiter.charCodeAt(0)];
  let [line, cells] = [1, 0];
  for await (const piece of text) {
    for (let at = 0; at < piece.length; at++) {
      const sign = piece.charCodeAt(at);
      if (sign === end) {
        line++;
        cells = 0;
      } else if (sign === separator && ++cells === mostCells) {
        const between = JSON.stringify(delimiter);
        throw new UserError(`${file}: line ${line}: expected fewer than ${mostCells} cells separated by ${between}`);
      }
    }
    yield piece;
  }
}

/** An image with the number of its caption, as Flickr8k's and Flickr30k's `.token` files have it, without a header. */
const numberedImage = /\.(jpe?g|png)#\d+$/i;

/** Columns of one name are told apart as pandas does it: `caption`, `caption.1`. */
function differentNames(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return names.map((name) => {
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return name === '' || count === 0 ? name : `${name}.${count}`;
  });
}

/** Of images and captions alone, as Flickr8k's captions.txt, what follows the image is the caption, commas and all. */
function isUnquotedText(header: readonly string[], record: readonly string[], delimiter: string): boolean {
  const [, text = ''] = header;
  const more = record.slice(2).some((cell) => cell.trim() !== '');
  return header.length === 2 && more && delimiter === ',' && /^(captions?|texts?)$/i.test(text);
}

const reasonOf = (error: CsvError): string =>
  error.code === 'CSV_MAX_RECORD_SIZE' ? `it is longer than ${longestRow} characters` : error.message;

async function* jsonRows(file: string, skipped: Skipped[]): AsyncGenerator<NumberedRow> {
  for await (const { number, text } of readLongLines(file, longestJson)) {
    if (text?.trim() === '') continue;
    const row = text === undefined ? undefined : parseObject(text);
    if (row) yield { line: number, row };
    else {
      const reason = text === undefined ? `it is longer than ${longestJson} characters` : 'expected a JSON object';
      skipped.push({ id: `line ${number}`, reason });
    }
  }
}

/** A JSON object that is a whole table, on one line or several; undefined where the file has an object a line. */
async function documentRows(file: string, start: string, skipped: Skipped[]) {
  const [first = '', ...more] = start.trim().split(/\r?\n/);
  const isOnlyLine = more.length === 0;
  if (!isOnlyLine && parseObject(first) !== undefined) return undefined;
  if (!first.startsWith('{') || (await stat(file)).size > largestDocument) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(await readWholeText(file));
  } catch {
    return undefined;
  }
  const rows = rowsOfDocument(document);
  return rows && numberedRows(rows, skipped);
}

function* numberedRows(values: readonly unknown[], skipped: Skipped[]): Generator<NumberedRow> {
  for (const [index, value] of values.entries()) {
    const row = rowOf(value);
    if (row) yield { line: index + 1, row };
    else skipped.push({ id: `element ${index + 1}`, reason: 'expected a JSON object' });
  }
}

function parseObject(line: string): Row | undefined {
  const text = line.trim().replace(/,$/, '');
  // Python writes NaN where a number is missing, which is no JSON.
  for (const json of [text, text.replace(/([:[,]\s*)(?:NaN|-?Infinity)(?=\s*[,\]}])/g, '$1null')]) {
    try {
      return rowOf(JSON.parse(json));
    } catch {
      // Tried the other way, or not an object.
    }
  }
  return undefined;
}

function rowOf(value: unknown): Row | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return new Map(Object.entries(value).map(([name, cell]) => [name.trim(), cell]));
}

/** A JSON list; its rows bear their places in it, from 1. */
async function* listedRows(file: string, skipped: Skipped[]): AsyncGenerator<NumberedRow> {
  const values: unknown[] = [];
  await readElements(file, { '': (value) => void values.push(value) });
  yield* numberedRows(values, skipped);
}
