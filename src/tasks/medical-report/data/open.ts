import { stat } from 'node:fs/promises';
import { openPhantoms } from '../../../data/index.js';
import { closest, UserError } from '../../../errors.js';
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

/** What `--data` of `promptkd medical-report` understands, with a sentence about each. */
export const studyKinds: readonly (readonly [usage: string, about: string])[] = [
  ['phantoms', 'built in: synthetic chest-like images with reports by a grammar, of no patient'],
  ['iu:FILE', 'R2Gen’s annotation.json of IU X-Ray or MIMIC-CXR, images beside it in images/'],
  ['openi:DIR', 'Open-i’s indiana_reports.csv and indiana_projections.csv'],
  ['mimic:DIR', 'MIMIC-CXR as PhysioNet lays it out: files/ and mimic-cxr-2.0.0-split.csv'],
  ['csv:FILE', 'columns image and report; study and split where there are some'],
];
const kinds = ['phantoms', ...Object.keys(readers)];

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
  const [, kind = '', rest = '', query = ''] = /^([^:?]*):?(.*?)(?:\?([a-z]+=.*))?$/s.exec(spec) ?? [];
  if (kind === 'phantoms' && rest === '' && query === '') return phantomStudies();
  const read = Object.hasOwn(readers, kind) ? readers[kind] : undefined;
  if (!read || rest === '') {
    const near = closest(kind, kinds);
    const expected = studyKinds.map(([usage]) => usage).join(', ');
    throw new UserError(`--data ${spec}: expected one of ${expected}${near && !read ? `; did you mean ${near}?` : ''}`);
  }
  const options = new URLSearchParams(query);
  const unknown = [...options.keys()].find((name) => name !== 'images' && name !== 'findings');
  if (unknown) throw new UserError(`--data ${spec}: unknown option ${unknown}; expected images or findings`);
  if (!(await stat(rest).catch(() => undefined)))
    throw new UserError(`--data ${spec}: ${rest}: no such file or folder`);
  const findings = findingSet(options.get('findings') ?? 'chexpert');
  return collect({
    name: spec.split('?')[0]!,
    skipped: [],
    findings,
    ...(await read(rest, options.get('images') ?? undefined)),
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
