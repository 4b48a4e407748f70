import { createHash } from 'node:crypto';
import { Random } from '../../../math/index.js';
import type { Example, ImageTextDataset } from '../../dataset.js';
import { remembered } from '../image-cache.js';
import { type Chest, drawChest, type PhantomFinding, phantomFindings } from './chest.js';
import { drawPhantom } from './draw.js';
import { phantomCaptions, phantomReport } from './report.js';

export { type PhantomFinding, phantomFindings } from './chest.js';

/** Raised when chests, images, reports or captions change. */
const revision = 1;

const sizes: Readonly<Record<string, number>> = { train: 3000, val: 400, test: 600 };

/** Names of classes: one for each finding, and one for none. */
const classNames = [...phantomFindings, 'no finding'];

/** One synthetic study. */
export interface Phantom {
  readonly id: string;
  readonly split: string;
  readonly findings: ReadonlySet<PhantomFinding>;
  /** In sentences, negations and paraphrases among them. */
  readonly report: string;
}

/**
 * The built-in phantoms: chest-like images that a program draws, and reports that a grammar writes. They are synthetic, of no
 * patient, and say nothing about how a model reads real radiographs. 128 × 128 pixels, drawn when they are read.
 *
 * An image has four captions; its class is its finding where it shows one alone, or none, and is left out where it shows several.
 */
export function openPhantoms(): { dataset: ImageTextDataset; studies: readonly Phantom[] } {
  const chests = new Map<string, Chest>();
  const studies: Phantom[] = [];
  const splits: Record<string, Example[]> = {};
  for (const [split, size] of Object.entries(sizes)) {
    splits[split] = Array.from({ length: size }, (_, i) => {
      const id = `${split}/${String(i).padStart(4, '0')}`;
      const chest = drawChest(new Random('phantoms', split, i));
      chests.set(id, chest);
      const words = new Random('phantoms', 'report', split, i);
      studies.push({ id, split, findings: chest.findings, report: phantomReport(chest, words) });
      const [only = 'no finding'] = chest.findings;
      const captions = phantomCaptions(chest, words);
      return { id, captions, ...(chest.findings.size < 2 && { label: classNames.indexOf(only) }) };
    });
  }
  const sum = createHash('sha256').update(JSON.stringify([revision, classNames, splits, studies.map((s) => s.report)]));
  const dataset: ImageTextDataset = {
    name: 'phantoms',
    kind: 'drawings',
    classes: classNames.map((name) => ({ name, novel: false })),
    splits,
    skipped: [],
    fingerprint: `phantoms-${sum.digest('hex').slice(0, 16)}`,
    load: remembered(({ id }) => drawPhantom(chests.get(id)!, new Random('phantoms', 'image', id))),
  };
  return { dataset, studies };
}
