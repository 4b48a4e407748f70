import type { Inspection } from '../../data/index.js';
import { foldedTable } from '../../report/index.js';

const number = (n: number) => n.toLocaleString('en-GB');
/** Captions may be long; a line holds one. */
const widest = 100;

/** An inspection for people: counts, sizes, balance, samples, and what looks wrong. */
export function inspectionText(inspection: Inspection): string {
  const { name, classes, novel, width, height, decoded, balance, samples, findings, skipped } = inspection;
  const counts = foldedTable([
    ['split', 'images', 'with class', 'classes', 'with text', 'texts', 'boxes'],
    ...Object.entries(inspection.splits).map(([split, own]) => [
      split,
      ...[own.images, own.labelled, own.classes, own.captioned, own.captions, own.boxes].map(number),
    ]),
  ]);
  const pixels = ({ least, median, most }: Inspection['width']) => `${least} to ${most}, median ${median}`;
  const lines = [
    `${name}: ${number(classes)} classes, ${number(novel)} of them novel`,
    '',
    counts,
    ...(inspection.dealt === undefined ? [] : [inspection.dealt]),
    '',
    `sizes of ${number(decoded)} decoded images (at most 512 a side): width ${pixels(width)}; height ${pixels(height)}`,
    ...balance.map(
      ({ split, least, median, most }) =>
        `images a class in ${split}: ${least.images} (${least.name}) to ${most.images} (${most.name}), median ${median}`,
    ),
    '',
    ...samples.map(({ split, id, className, captions }) =>
      cut(`${split}  ${id}  ${className === undefined ? '' : `[${className}] `}${captions.join(' | ') || '(no text)'}`),
    ),
    '',
    ...skippedLines(skipped),
    findings.length === 0 ? 'nothing looks wrong' : 'what looks wrong:',
    ...findings.flatMap(({ message, count, examples }) => [
      `  ${number(count)} ${message}`,
      ...examples.map((example) => `    ${cut(example)}`),
    ]),
  ];
  return lines.join('\n');
}

function skippedLines(skipped: Inspection['skipped']): string[] {
  if (skipped.length === 0) return [];
  const byReason = new Map<string, string[]>();
  for (const { id, reason } of skipped) byReason.set(reason, [...(byReason.get(reason) ?? []), id]);
  const reasons = [...byReason].sort(([, a], [, b]) => b.length - a.length);
  return [
    `skipped ${number(skipped.length)}:`,
    ...reasons
      .slice(0, 10)
      .map(([reason, [first, ...more]]) =>
        cut(`  ${reason}: ${first}${more.length > 0 ? ` and ${number(more.length)} more` : ''}`),
      ),
    ...(reasons.length > 10 ? [`  and ${number(reasons.length - 10)} other reasons; --json lists all`] : []),
  ];
}

const cut = (text: string) => (text.length > widest ? `${text.slice(0, widest - 1)}…` : text);
