import type { FindingSet } from '../labels/finding-set.js';
import { labelReport } from '../labels/labeler.js';
import type { Compared } from './bleu.js';

/** F1 of findings that a draft affirms against those that the reference affirms; each 0 … 1. */
export interface KeywordF1 {
  /** Over all decisions together. */
  readonly micro: number;
  /** Mean over the findings that some reference affirms. */
  readonly macro: number;
  /** The same over CheXpert's five, where the findings are its. */
  readonly microFive?: number;
  readonly macroFive?: number;
  readonly byFinding: Readonly<Record<string, number>>;
}

/**
 * Keyword F1: both texts are labelled by keywords (`labelReport`), and what they affirm is compared; doubt counts as no affirmation.
 * It is neither CheXpert F1 nor CheXbert F1, which need a parser or a network.
 *
 * @param studies of each the first reference counts
 * @example
 * const draft = 'there is a pleural effusion';
 * const { micro } = keywordF1([{ draft, references: ['small left effusion'] }], findingSet('chexpert'));
 */
export function keywordF1(studies: readonly Compared[], set: FindingSet): KeywordF1 {
  const tallies = new Map(set.findings.map(({ name }) => [name, { right: 0, drafted: 0, there: 0 }]));
  for (const { draft, references } of studies) {
    const [own, theirs] = [labelReport(draft, set), labelReport(references[0]!, set)];
    for (const [name, tally] of tallies) {
      const [isDrafted, isThere] = [own.get(name) === 'present', theirs.get(name) === 'present'];
      if (isDrafted) tally.drafted++;
      if (isThere) tally.there++;
      if (isDrafted && isThere) tally.right++;
    }
  }
  const f1 = ({ right, drafted, there }: { right: number; drafted: number; there: number }) =>
    drafted + there === 0 ? 0 : (2 * right) / (drafted + there);
  const micro = (names: readonly string[]) =>
    f1(
      names.reduce(
        (sum, name) => {
          const { right, drafted, there } = tallies.get(name)!;
          return { right: sum.right + right, drafted: sum.drafted + drafted, there: sum.there + there };
        },
        { right: 0, drafted: 0, there: 0 },
      ),
    );
  const macro = (names: readonly string[]) => {
    const occurring = names.filter((name) => tallies.get(name)!.there > 0);
    return occurring.reduce((sum, name) => sum + f1(tallies.get(name)!), 0) / Math.max(1, occurring.length);
  };
  const all = set.findings.map(({ name }) => name);
  return {
    ...{ micro: micro(all), macro: macro(all) },
    ...(set.five && { microFive: micro(set.five), macroFive: macro(set.five) }),
    byFinding: Object.fromEntries(all.map((name) => [name, f1(tallies.get(name)!)])),
  };
}
