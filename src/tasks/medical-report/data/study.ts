import type { Example, ImageTextDataset, Skipped } from '../../../data/index.js';
import type { FindingSet } from '../labels/finding-set.js';

/** One examination: its images and the report of all of them. */
export interface Study {
  readonly id: string;
  readonly split: string;
  /** One or more views, of the data set that goes with it. */
  readonly images: readonly Example[];
  readonly report: string;
}

/** Studies with their images, opened. */
export interface Studies {
  readonly name: string;
  readonly studies: readonly Study[];
  /** Their images, by the splits of their studies; it reads them, DICOM too. */
  readonly dataset: ImageTextDataset;
  readonly findings: FindingSet;
  /** Studies and images that cannot be used, and why. No text of a report is in the reasons. */
  readonly skipped: readonly Skipped[];
  /** Images and reports are made by a program. */
  readonly synthetic: boolean;
}

/** @returns the studies of a split, in their order */
export const studiesOf = ({ studies }: Studies, split: string): Study[] =>
  studies.filter((study) => study.split === split);
