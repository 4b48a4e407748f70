import { basename, resolve, sep } from 'node:path';
import { splitVariant } from '../../clip/index.js';
import type { Comparison, VariantSource } from '../../evaluate/index.js';
import type { Interval } from '../../math/index.js';
import { bytes, foldedTable, paretoFile, percent } from '../../report/index.js';

/** Models as they stand on the command line, `FOLDER` or `FOLDER#DTYPE`, named by their folders, with those above where names would be equal. */
export function variantsOf(models: readonly string[]): VariantSource[] {
  const given = models.map((model) => {
    const { model: folder, dtype } = splitVariant(model);
    const parts = resolve(folder).split(sep);
    const nameAt = (depth: number) => [parts.slice(-depth).join('/'), ...(dtype ? [dtype] : [])].join(' ');
    return { model, nameAt, most: parts.length, depth: 1 };
  });
  for (;;) {
    const names = given.map(({ nameAt, depth }) => nameAt(depth));
    const wider = given.filter(
      ({ depth, most }, i) => depth < most && names.indexOf(names[i]!) !== names.lastIndexOf(names[i]!),
    );
    if (wider.length === 0) return given.map(({ model }, i) => ({ name: names[i]!, model }));
    for (const one of wider) one.depth++;
  }
}

/** A comparison for people. */
export function comparisonTable(comparison: Comparison): string {
  const { data, split, images, classes, teacher, variants, pareto, limits, recommended } = comparison;
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
    `as ${variants.some(({ name }) => name === teacher) ? teacher : basename(resolve(teacher))} %`,
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
    `${data}/${split}: ${images.toLocaleString('en-GB')} images, ${classes.toLocaleString('en-GB')} classes; 95 % intervals in brackets; R@1 with equal captions as one text; * no other is smaller and as right`,
    foldedTable([head, ...rows]),
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
