import { UserError } from '../../../errors.js';
import { chexpert } from './chexpert.js';
import { phantoms } from './phantoms.js';

/** Something that a report may affirm or deny, and how it is recognised in words and asked for in images. */
export interface ReportFinding {
  readonly name: string;
  /** Phrases, or their beginnings, that speak of it; `_` is the end of a word. */
  readonly mentions: readonly string[];
  /** Phrases that hold one of those and speak of something else. */
  readonly unlike?: readonly string[];
  /** Phrases that deny it without naming it, as "lungs are clear". */
  readonly denials?: readonly string[];
  /** Words that a sentence must have, too: it affirms the finding only there. A denial without a place denies all places. */
  readonly place?: readonly string[];
  /** Its name in a prompt: `there is no {}`. */
  readonly prompt: string;
}

/** The findings that reports are read for. */
export interface FindingSet {
  readonly name: string;
  readonly findings: readonly ReportFinding[];
  /** The finding that stands for none, where the set has one: present where nothing else is. */
  readonly none?: string;
  /** Mentions of anything else that is not normal: they keep `none` from being present. */
  readonly other?: readonly string[];
  /** Of the findings, those whose mean is reported beside the mean of all, as the field does. */
  readonly five?: readonly string[];
}

const sets: readonly FindingSet[] = [phantoms, chexpert];
/** Names that {@link findingSet} knows. */
export const findingSetNames: readonly string[] = sets.map(({ name }) => name);

/**
 * The findings of a name: `chexpert` (Irvin et al. 2019, arXiv 1901.07031), or `phantoms` of the built-in studies.
 *
 * @throws UserError for another name
 * @example
 * console.log(findingSet('chexpert').findings.map(({ name }) => name));
 */
export function findingSet(name: string): FindingSet {
  const known = sets.find((set) => set.name === name);
  if (known) return known;
  throw new UserError(`findings: expected ${findingSetNames.join(' or ')}, got ${name}`);
}
