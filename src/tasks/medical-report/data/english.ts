import { UserError } from '../../../errors.js';

/** Words that English reports are full of: common ones and those of the trade. */
const usual = new Set(
  `the of and is are no in to with there a or for at on was this not be seen normal heart lungs lung left right size within limits
  chest pleural effusion pneumothorax focal clear silhouette evidence acute bilateral opacity cardiac mediastinal mediastinum
  upper lower zone lobe unremarkable consolidation`.split(/\s+/),
);
/** Of the words of English reports about half are among these; of those in other languages fewer than one in twenty. */
const least = 0.15;

/**
 * Refuses reports in another language: labels and filters read English, and would find nothing in them.
 *
 * @throws UserError
 */
export function checkEnglish(name: string, reports: readonly string[]): void {
  let [known, all] = [0, 0];
  for (const report of reports.slice(0, 500)) {
    for (const word of report.toLowerCase().match(/\p{L}+/gu) ?? []) {
      all++;
      if (usual.has(word)) known++;
    }
  }
  if (all > 0 && known / all >= least) return;
  throw new UserError(
    `${name}: expected reports in English, got ${all === 0 ? 'none with words' : `words of which ${Math.round((100 * known) / all)} % are usual in English reports`}: labels are read by English keywords and negations; translate the reports first`,
  );
}
