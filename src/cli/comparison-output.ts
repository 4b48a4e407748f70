import { basename, resolve } from 'node:path';
import { type Dtype, splitVariant } from '../clip/index.js';
import type { Comparison, Interval } from '../evaluate/index.js';
import { bytes, paretoFile, percent, textTable } from '../report/index.js';

/** `FOLDER` or `FOLDER#DTYPE`, as it stands on the command line. */
export function variantOf(argument: string): { name: string; folder: string; dtype?: Dtype } {
  const { model: folder, dtype } = splitVariant(argument);
  return { name: dtype === undefined ? nameOf(folder) : `${nameOf(folder)} ${dtype}`, folder, dtype };
}

const nameOf = (folder: string) => basename(resolve(folder));

/** A comparison for people. */
export function comparisonTable(comparison: Comparison): string {
  const { data, split, drawings, classes, teacher, variants, pareto, limits, recommended } = comparison;
  const share = ({ value, low, high }: Interval) => `${percent(value)} (${percent(low)}–${percent(high)})`;
  const ms = ({ value, low, high }: Interval) => `${value.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
  const rows = variants.map(({ name, bytes: size, top1, r1, agreement, memory, p50, p95 }) => [
    pareto.includes(name) ? `${name} *` : name,
    share(top1),
    r1 ? share(r1.imageToText) : '–',
    r1 ? share(r1.textToImage) : '–',
    share(agreement),
    bytes(size),
    bytes(memory),
    ms(p50),
    ms(p95),
  ]);
  const head = [
    '',
    'top-1 %',
    'R@1 i→t %',
    'R@1 t→i %',
    `as ${nameOf(teacher)} %`,
    'bytes',
    'memory',
    'p50 ms',
    'p95 ms',
  ];
  const asked = [
    limits.maxBytes !== undefined && `at most ${bytes(limits.maxBytes)}`,
    limits.maxMs !== undefined && `at most ${limits.maxMs} ms`,
    limits.maxDrop !== undefined && `at most ${limits.maxDrop} points of top-1 below ${variants[0]!.name}`,
  ].filter((text) => text !== false);
  return [
    `${data}/${split}: ${drawings.toLocaleString('en-GB')} pictures, ${classes.toLocaleString('en-GB')} classes; 95 % intervals in brackets; * no other is smaller and as right`,
    textTable([head, ...rows]),
    recommended === undefined
      ? `none keeps to ${asked.join(', ')}`
      : `recommended for ${asked.join(', ')}: ${recommended}`,
  ].join('\n');
}

/** Top-1 over bytes, as SVG. */
export function comparisonPlot({ data, split, variants, pareto }: Comparison): string {
  return paretoFile(
    `Top-1 and size on ${data}/${split}`,
    variants.map(({ name, bytes: size, top1 }) => ({ name, bytes: size, top1, best: pareto.includes(name) })),
  );
}
