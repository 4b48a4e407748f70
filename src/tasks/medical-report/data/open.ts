import { stat } from 'node:fs/promises';
import { type DataKind, openPhantoms, parseDataSpec } from '../../../data/index.js';
import { UserError } from '../../../errors.js';
import { findingSet } from '../labels/finding-set.js';
import { type Collected, collect } from './collect.js';
import type { Studies } from './study.js';

type Reader = (
  path: string,
  images?: string,
) => Promise<Pick<Collected, 'named' | 'folder'> & Partial<Pick<Collected, 'skipped'>>>;

const readers: Readonly<Record<string, Reader>> = {
  iu: async (path, images) => (await import('./iu-xray.js')).readAnnotations(path, images),
  openi: async (path, images) => (await import('./open-i.js')).readOpenI(path, images),
  mimic: async (path, images) => (await import('./mimic-cxr.js')).readMimic(path, images),
  csv: async (path, images) => (await import('./csv.js')).readStudyTable(path, images),
};

const options = ['images', 'findings'];

/** What `--data` of `promptkd medical-report` understands. */
export const studyKinds: readonly DataKind[] = [
  {
    kind: 'phantoms',
    usage: 'phantoms',
    about: 'built in: synthetic chest-like images with reports by a grammar, of no patient',
    options: [],
  },
  {
    kind: 'iu',
    usage: 'iu:FILE',
    about: 'R2Gen’s annotation.json of IU X-Ray or MIMIC-CXR, images beside it in images/',
    options,
  },
  { kind: 'openi', usage: 'openi:DIR', about: 'Open-i’s indiana_reports.csv and indiana_projections.csv', options },
  {
    kind: 'mimic',
    usage: 'mimic:DIR',
    about: 'MIMIC-CXR as PhysioNet lays it out: files/ and mimic-cxr-2.0.0-split.csv',
    options,
  },
  { kind: 'csv', usage: 'csv:FILE', about: 'columns image and report; study and split where there are some', options },
];

/**
 * Opens studies with reports: `phantoms`, or a kind with a path, as `iu:iu_xray/annotation.json?images=iu_xray/images`. Options:
 * `images`, the folder of images, and `findings`, which findings reports are read for (`chexpert` unless said otherwise).
 *
 * @param spec as `--data` of `promptkd medical-report` takes it; see {@link studyKinds}
 * @throws UserError for another kind, files that are not as expected, reports that are not English, one report alone
 * @example
 * const { studies, dataset } = await openStudies('csv:reports.csv');
 * const image = await dataset.load(studies[0]!.images[0]!);
 */
export async function openStudies(spec: string): Promise<Studies> {
  const { kind, path, options } = parseDataSpec(spec, studyKinds);
  const read = readers[kind];
  if (!read) return phantomStudies();
  if (!(await stat(path).catch(() => undefined)))
    throw new UserError(`--data ${spec}: ${path}: no such file or folder`);
  return collect({
    name: spec.split('?')[0]!,
    skipped: [],
    findings: findingSet(options.findings ?? 'chexpert'),
    ...(await read(path, options.images)),
  });
}

function phantomStudies(): Studies {
  const { dataset, studies } = openPhantoms();
  const byId = new Map(Object.values(dataset.splits).flatMap((list) => list.map((example) => [example.id, example])));
  return {
    ...{ name: 'phantoms', dataset, findings: findingSet('phantoms'), skipped: [], synthetic: true },
    studies: studies.map(({ id, split, report }) => ({ id, split, report, images: [byId.get(id)!] })),
  };
}
