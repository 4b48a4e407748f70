import type { coloursOf } from './colours.js';
import { cut, widthOf } from './live-lines.js';
import { clockTime, type TimeLeft } from './pace.js';
import type { ProgressUpdate } from './progress.js';

const widestBar = 24;
const widest = 100;

type Colours = ReturnType<typeof coloursOf>;

/**
 * The lines that show how far a job is: its phase, all phases together where it says so, and its losses. Each is shorter
 * than `columns`; names are cut where there is no room, numbers never.
 */
export function progressFrame(update: ProgressUpdate, left: TimeLeft, columns: number, colours: Colours): string[] {
  const width = Math.min(columns, widest) - 1;
  const { phase, step, steps, overall, overallSteps, losses, imagesPerSecond } = update;
  if (steps === 0) {
    const spent = left.spent >= 1 ? ` ${clockTime(left.spent)}` : '';
    return [`${cut(phase, width - 2 - spent.length)} …${spent}`];
  }
  const lines: Line[] = [
    { name: phase, share: step / steps, figures: [`${count(step)}/${count(steps)}`, ...remaining(left.phase)] },
  ];
  if (overall !== undefined && overallSteps !== undefined && overallSteps > steps) {
    const share = update.share ?? overall / overallSteps;
    lines.push({ name: 'all', share, figures: [`${Math.floor(share * 100)} %`, ...remaining(left.overall, 'about ')] });
  }
  const cells = Object.entries(losses ?? {}).map(([name, value]) => [name, value.toPrecision(4)] as const);
  if (imagesPerSecond !== undefined) cells.push(['images/s', count(Math.round(imagesPerSecond))]);
  return [...barLines(lines, width, colours), ...cellLines(cells, width, colours)];
}

interface Line {
  readonly name: string;
  readonly share: number;
  readonly figures: string[];
}

const count = (n: number) => n.toLocaleString('en-GB');
const remaining = (seconds: number | undefined, about = '') =>
  seconds === undefined ? [] : [`${about}${clockTime(seconds)} left`];

function barLines(lines: readonly Line[], width: number, { dim, cyan }: Colours): string[] {
  const columns = Math.max(...lines.map(({ figures }) => figures.length));
  const widths = Array.from({ length: columns }, (_, c) =>
    Math.max(...lines.map(({ figures }) => figures[c]?.length ?? 0)),
  );
  const tails = lines.map(({ figures }) => figures.map((figure, c) => figure.padStart(widths[c]!)).join('  '));
  const tail = Math.max(...tails.map((text) => text.length));
  const longest = Math.max(...lines.map(({ name }) => widthOf(name)));
  // The bar gives way first, then the name.
  const bar = Math.max(0, Math.min(widestBar, width - tail - longest - 4));
  const name = Math.max(0, Math.min(longest, width - tail - (bar > 0 ? bar + 4 : 2)));
  return lines.map((line, i) => {
    const shown = cut(line.name, name);
    const full = Math.round(bar * Math.min(1, line.share));
    const drawn = bar > 0 ? `  ${cyan('━'.repeat(full))}${dim('─'.repeat(bar - full))}` : '';
    return `${shown}${' '.repeat(name - widthOf(shown))}${drawn}  ${tails[i]}`;
  });
}

/** Figures as a table, names above values, in as many rows as the width asks for. */
function cellLines(
  cells: readonly (readonly [name: string, figure: string])[],
  width: number,
  { dim }: Colours,
): string[] {
  const lines: string[] = [];
  let [names, values] = ['', ''];
  const flush = () => {
    if (names) lines.push(dim(names), values);
    [names, values] = ['', ''];
  };
  for (const [name, figure] of cells) {
    const cell = Math.max(name.length, figure.length) + (names ? 2 : 0);
    if (names.length + cell > width) flush();
    const size = Math.max(name.length, figure.length) + (names ? 2 : 0);
    names += name.padStart(size);
    values += figure.padStart(size);
  }
  flush();
  return lines;
}
