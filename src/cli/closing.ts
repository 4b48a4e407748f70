import { printable } from '../printable.js';
import { textTable } from '../report/index.js';
import { type CommonOptions, printPainted } from './options.js';
import { coloursOf } from './terminal/colours.js';
import { wordWrap } from './terminal/word-wrap.js';
import type { Closing } from './training.js';

/**
 * Prints a run's end: what it made, the last losses of its phases, where it is, and what to do next.
 *
 * @param losses of the last step of each phase that was trained in this sitting
 */
export function printClosing(
  options: CommonOptions,
  json: unknown,
  closing: () => Closing,
  losses: ReadonlyMap<string, Readonly<Record<string, number>>>,
): void {
  const { bold, dim } = coloursOf(process.stdout);
  const { isTTY, columns } = process.stdout;
  printPainted(options, json, () => {
    const { lines, saved, next } = closing();
    return [
      ...(losses.size > 0 ? [...lossTable(losses), ''] : []).map(printable),
      ...lines.flatMap((line) => (isTTY ? wordWrap(printable(line), columns || widest) : [printable(line)])),
      `${dim('saved to')}  ${bold(printable(saved))}`,
      ...next.map((command, i) => `${dim(i === 0 ? 'next' : '    ')}      promptkd ${printable(command)}`),
    ].join('\n');
  });
}

const widest = 80;

/** Phases as rows, losses as columns; as rows of losses where that would be too wide. */
function lossTable(losses: ReadonlyMap<string, Readonly<Record<string, number>>>): string[] {
  const phases = [...losses.keys()];
  const names = [...new Set([...losses.values()].flatMap((of) => Object.keys(of)))];
  const value = (phase: string, name: string) => losses.get(phase)![name]?.toPrecision(4) ?? '–';
  const wide = textTable([
    ['loss at the end', ...names],
    ...phases.map((phase) => [phase, ...names.map((name) => value(phase, name))]),
  ]).split('\n');
  if (Math.max(...wide.map((line) => line.length)) <= widest) return wide;
  return textTable([
    ['loss at the end', ...phases],
    ...names.map((name) => [name, ...phases.map((phase) => value(phase, name))]),
  ]).split('\n');
}
