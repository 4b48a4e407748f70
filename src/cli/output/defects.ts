import { appendFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ensureFolder } from '../../files/index.js';
import type { Interval } from '../../math/index.js';
import { textTable } from '../../report/index.js';
import { type DefectEvaluation, type Detector, heatMap, type Inspected } from '../../tasks/index.js';
import { type CommonOptions, printResult } from '../options.js';

const percent = (x: number | undefined) => (x === undefined ? '–' : `${(100 * x).toFixed(1)} %`);
const interval = (x: Interval | undefined, scale = 100, unit = ' %') =>
  x === undefined
    ? '–'
    : `${(scale * x.value).toFixed(1)}${unit} (${(scale * x.low).toFixed(1)}–${(scale * x.high).toFixed(1)})`;

/** An evaluation for machines. */
export function evaluationJson(
  folder: string,
  product: string,
  { learned, limits }: Detector,
  found: DefectEvaluation,
) {
  const { images, image, pixel, atThreshold, byKind, bySize, skipped } = found;
  return {
    ...{
      detector: folder,
      product,
      mode: learned.mode,
      images,
      image,
      pixel,
      by_kind: byKind,
      by_size: bySize,
      skipped,
    },
    at_threshold: {
      threshold: limits.image.value,
      false_alarms_per_1000: atThreshold.falseAlarms && 1000 * atThreshold.falseAlarms.value,
      false_alarms: atThreshold.falseAlarms,
      found: atThreshold.found,
    },
  };
}

/** An evaluation for people. */
export function defectsTable({ limits }: Detector, found: DefectEvaluation): string {
  const { images, image, pixel, atThreshold, byKind, bySize, skipped } = found;
  const rows = [
    ['', 'images', 'pixels'],
    ['AUROC', percent(image?.auroc), percent(pixel?.auroc)],
    ['average precision', percent(image?.averagePrecision), percent(pixel?.averagePrecision)],
    ['AUPRO at 0.3 FPR', '', percent(pixel?.aupro)],
    ['best F1, an oracle', percent(image?.oracleF1.f1), percent(pixel?.oracleF1.f1)],
    ['recall at precision 0.99', percent(image?.recallAtPrecision['0.99']), ''],
    ['recall at precision 0.999', percent(image?.recallAtPrecision['0.999']), ''],
  ];
  const groups = [
    ['defects', 'images', 'AUROC', 'found'],
    ...[...Object.entries(byKind), ...Object.entries(bySize)].map(([name, group]) => [
      ...[name, String(group.images), percent(group.auroc)],
      interval(group.found),
    ]),
  ];
  return [
    textTable(rows),
    '',
    `at the threshold, set by ${limits.image.sound.length} sound images:`,
    `  false alarms of 1,000  ${interval(atThreshold.falseAlarms, 1000, '')}`,
    `  defects found          ${interval(atThreshold.found)}`,
    `of ${images.sound} sound and ${images.defective} defective images; 95 % intervals`,
    ...(groups.length > 1 ? ['', textTable(groups)] : []),
    ...(skipped.length > 0 ? ['', `${skipped.length} images were left out, the first: ${skipped[0]!.reason}`] : []),
  ].join('\n');
}

/** Prints outcomes, a line each, and keeps heat maps and results in a folder where one is given. */
export async function outcomeWriter(
  options: CommonOptions,
  out?: string,
): Promise<(inspected: Inspected) => Promise<void>> {
  if (out !== undefined) await ensureFolder(out);
  return async (outcome) => {
    const { file } = outcome;
    const told =
      'error' in outcome
        ? { file, error: outcome.error }
        : { file, pred_score: outcome.inspection.score, pred_label: outcome.inspection.defective };
    if (out !== undefined) {
      await appendFile(join(out, 'results.jsonl'), `${JSON.stringify(told)}\n`);
      if ('image' in outcome) {
        await writeFile(join(out, `${basename(file)}.heat.png`), await heatMap(outcome.image, outcome.inspection));
      }
    }
    printResult(options, told, () =>
      'error' in outcome
        ? `left out   ${outcome.error}`
        : `${outcome.inspection.defective ? 'DEFECTIVE' : 'sound    '}  ${outcome.inspection.score.toFixed(3)}  ${file}`,
    );
  };
}
