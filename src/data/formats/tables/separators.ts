/** How the cells of a table of text are set apart. */
export interface Separation {
  readonly delimiter: string;
  /** Whether quotes enclose cells; in tables with tabs they are letters as others are. */
  readonly isQuoted: boolean;
  /** Lines before the header: Excel's `sep=;`. */
  readonly before: number;
}

const candidates = [',', ';', '\t', '|'];

/**
 * Finds the separator of a table in its first lines: the one that cuts the header and most lines into equally many cells,
 * of several the one that makes most cells; the usual one of the kind where it does so, too.
 */
export function findSeparation(kind: 'csv' | 'tsv', start: string): Separation {
  const named = /^sep=(.)\r?\n/.exec(start)?.[1];
  const usual = kind === 'csv' ? ',' : '\t';
  const delimiter = named ?? likeliest(start, usual);
  const header = start.split(/\r?\n/)[named === undefined ? 0 : 1] ?? '';
  const isQuoted = delimiter !== '\t' || header.split('\t').every((cell) => /^\s*".*"\s*$/.test(cell));
  return { delimiter, isQuoted, before: named === undefined ? 0 : 1 };
}

function likeliest(start: string, usual: string): string {
  const scores = candidates.map((delimiter) => ({ delimiter, ...agreement(start, delimiter) }));
  const own = scores.find(({ delimiter }) => delimiter === usual)!;
  if (own.cells > 1 && own.share > 0.5) return usual;
  const [best] = scores
    .filter(({ cells, share }) => cells > 1 && share > 0.5)
    .sort((a, b) => b.share - a.share || b.cells - a.cells);
  return best?.delimiter ?? usual;
}

/** Cells of the header, and which share of the next lines has as many. */
function agreement(start: string, delimiter: string): { cells: number; share: number } {
  // Quoted cells may hold separators and line ends.
  const plain = start.replace(/"(?:[^"]|"")*"/g, 'x');
  const lines = plain.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (plain.length > 4096 || lines.length > 50) lines.splice(Math.min(50, lines.length - 1)); // the last may be cut
  const [cells = 1, ...rest] = lines.map((line) => line.split(delimiter).length);
  const same = rest.filter((count) => count === cells).length;
  return { cells, share: rest.length === 0 ? 1 : same / rest.length };
}
