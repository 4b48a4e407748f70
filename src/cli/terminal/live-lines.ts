import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';
import { printable } from '../../printable.js';

/** What is drawn on the terminal now, if anything. */
let current: LiveLines | undefined;

/**
 * Lines at the end of a terminal that are drawn anew as things change; what is to stay is written above them.
 *
 * Nothing but these lines is ever erased: their rows are counted at the width that the terminal has now, as it wraps lines
 * again when it becomes narrower.
 */
export class LiveLines {
  private drawn: readonly string[] = [];

  constructor(private readonly stream: NodeJS.WriteStream) {}

  /** Draws lines in place of those that are there; each is to be shorter than the terminal is wide. */
  show(lines: readonly string[]): void {
    // More rows than the terminal has could not be erased again.
    const kept = lines.slice(0, Math.max(1, (this.stream.rows ?? 24) - 1));
    this.stream.write(this.erasure() + kept.map((line) => `${line}\n`).join(''));
    this.drawn = kept;
    current = this;
  }

  /** Writes lines that stay. */
  keep(lines: readonly string[]): void {
    const again = this.drawn;
    this.stream.write(this.erasure() + lines.map((line) => `${line}\n`).join(''));
    this.drawn = [];
    if (again.length > 0) this.show(again);
  }

  /** Erases the lines. What is written behind is not touched any more. */
  clear(): void {
    if (current === this) current = undefined;
    if (this.drawn.length === 0) return;
    this.stream.write(this.erasure());
    this.drawn = [];
  }

  private erasure(): string {
    const width = columnsOf(this.stream);
    const rows = this.drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / width)), 0);
    return `\r${rows > 0 ? `\x1b[${rows}A` : ''}\x1b[J`;
  }
}

/** Columns of a terminal now: it may have been resized while a step kept this process from hearing of it. */
export function columnsOf(stream: NodeJS.WriteStream): number {
  return stream.getWindowSize?.()[0] || 80;
}

/** Writes a line to stderr, above what is drawn there; names in it are anybody's (see {@link printable}). */
export function sayLine(line: string): void {
  const shown = printable(line);
  if (current) current.keep([shown]);
  else process.stderr.write(`${shown}\n`);
}

/** Columns that a text takes on a terminal. */
export const widthOf = (text: string): number => stringWidth(stripVTControlCharacters(text));

/** A text cut to so many columns, with … at its end where it was longer. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (widthOf(kept + character) > width - 1) break;
    kept += character;
  }
  return width > 0 ? `${kept}…` : '';
}
