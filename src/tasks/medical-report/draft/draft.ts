import { UserError } from '../../../errors.js';
import { packageVersion, writeFileAtomic } from '../../../files/index.js';
import { type Findings, findingsOf, type Seen, similarities } from '../analyse.js';
import { indexFingerprint, type ReportIndex } from '../corpus/index-folder.js';
import { compose, type DraftSentence } from './compose.js';

/** What stands above every draft, and without which none is written. */
export const draftHeader =
  'DRAFT. Research use only. Not a medical device. To be reviewed by a qualified clinician; not for diagnosis.';

/** A draft of a report: never a report. */
export interface Draft {
  readonly header: string;
  /** Said where the index is made of synthetic studies. */
  readonly synthetic?: string;
  /** Names of the images. */
  readonly images: readonly string[];
  /** Nothing that is indexed looks like the images: then no statement is made. */
  readonly far_from_index: {
    readonly far: boolean;
    readonly similarity: number;
    readonly limit: number;
    readonly message?: string;
  };
  readonly sentences: readonly DraftSentence[];
  /** Every finding that is looked for, with its calibrated probability. */
  readonly findings: readonly {
    readonly name: string;
    readonly probability: number;
    readonly said: 'present' | 'absent' | 'no statement';
  }[];
  readonly no_statement_about: readonly string[];
  readonly made_by: {
    readonly promptkd: string;
    readonly model: string;
    readonly index: string;
    readonly data: { readonly name: string; readonly fingerprint: string };
  };
  /** To be filled in by who reviews it. */
  readonly review: { readonly reviewed_by: null; readonly date: null; readonly accepted: null; readonly changes: null };
}

/**
 * A draft of the report of one study.
 *
 * @param images names of its images
 */
export function draftOf(seen: Seen, index: ReportIndex, images: readonly string[]): Draft {
  const { described } = index;
  const similarity = Math.max(...similarities(seen.look, index.looks));
  const far = similarity < described.far;
  const found: Findings[] = findingsOf(seen, index).map((finding) => {
    // Of an image of something else even a sure answer means nothing.
    return far ? { ...finding, said: undefined } : finding;
  });
  const findings = found.map(({ name, probability, said }) => ({
    name,
    probability: round(probability),
    said: said ?? ('no statement' as const),
  }));
  return {
    header: draftHeader,
    ...(described.data.synthetic && {
      synthetic: 'The index holds synthetic phantoms, of no patient: this draft says nothing about a real radiograph.',
    }),
    images,
    far_from_index: {
      ...{ far, similarity: round(similarity), limit: round(described.far) },
      ...(far && {
        message: 'far from everything indexed: this may be no radiograph, or of another kind; no statement is made',
      }),
    },
    sentences: compose(seen, found, index).map((sentence) => ({
      ...sentence,
      evidence: {
        ...sentence.evidence,
        similarity: round(sentence.evidence.similarity),
        probability: round(sentence.evidence.probability),
      },
    })),
    findings,
    no_statement_about: findings.flatMap(({ name, said }) => (said === 'no statement' ? [name] : [])),
    made_by: {
      promptkd: packageVersion(),
      model: described.model,
      index: fingerprintOf(index),
      data: { name: described.data.name, fingerprint: described.data.fingerprint },
    },
    review: { reviewed_by: null, date: null, accepted: null, changes: null },
  };
}

const round = (x: number) => Math.round(x * 1e4) / 1e4;

const fingerprints = new WeakMap<ReportIndex, string>();
function fingerprintOf(index: ReportIndex): string {
  const known = fingerprints.get(index) ?? indexFingerprint(index);
  fingerprints.set(index, known);
  return known;
}

/** The sentences alone, as metrics compare them. They leave this program under the header alone: see {@link draftText}. */
export const draftBody = ({ sentences }: Pick<Draft, 'sentences'>): string =>
  sentences.map(({ text }) => text).join(' ');

/** @throws UserError for a draft whose header is missing or changed */
function checkHeader({ header }: Draft): void {
  if (header === draftHeader) return;
  throw new UserError('draft: its header is missing or changed: a draft is not exported without it');
}

/**
 * A draft in words, under its header.
 *
 * @throws UserError for a draft whose header is missing or changed
 * @example
 * import { readFile } from 'node:fs/promises';
 *
 * const draft: Draft = JSON.parse(await readFile('draft.json', 'utf8'));
 * console.log(draftText(draft));
 */
export function draftText(draft: Draft): string {
  checkHeader(draft);
  const { far_from_index: far, made_by: by } = draft;
  const line = ({ text, evidence }: DraftSentence) => {
    const at = evidence.region && `, region ${evidence.region.map((x) => x.toFixed(2)).join(' ')}`;
    return `${text}\n    [${evidence.finding} ${evidence.probability.toFixed(2)}; from ${evidence.study}, similarity ${evidence.similarity.toFixed(2)}${at ?? ''}]`;
  };
  return [
    draft.header,
    ...(draft.synthetic ? [draft.synthetic] : []),
    `images: ${draft.images.join(', ')}`,
    '',
    ...(far.message
      ? [`${far.message} (similarity ${far.similarity}, limit ${far.limit})`]
      : draft.sentences.map(line)),
    '',
    `No statement is made about: ${draft.no_statement_about.join(', ') || 'none of the findings looked for'}; nor about anything else than: ${draft.findings.map(({ name }) => name).join(', ')}.`,
    `Made by promptkd ${by.promptkd}, model ${by.model.slice(0, 12)}, index ${by.index.slice(0, 12)}, data ${by.data.name} ${by.data.fingerprint}.`,
    'Reviewed by: ____________  Date: ____________  Accepted / changed: ____________',
    draft.header,
  ].join('\n');
}

/**
 * Writes a draft: as JSON where the file ends so, otherwise in words. Its header is part of both.
 *
 * @throws UserError for a draft whose header is missing or changed, or a file that cannot be written
 * @example
 * import { readFile } from 'node:fs/promises';
 *
 * const draft: Draft = JSON.parse(await readFile('draft.json', 'utf8'));
 * await writeDraft('draft.txt', draft);
 */
export async function writeDraft(file: string, draft: Draft): Promise<void> {
  checkHeader(draft);
  await writeFileAtomic(file, /\.json$/i.test(file) ? `${JSON.stringify(draft, null, 2)}\n` : `${draftText(draft)}\n`);
}
