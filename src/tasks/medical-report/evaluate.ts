import type { Skipped } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { wholeImage } from '../../loader/index.js';
import { median, Random } from '../../math/index.js';
import type { TowerModel } from '../../model/index.js';
import type { CompileOptions } from '../../runtime/index.js';
import { Analyser, findingsOf, type Seen } from './analyse.js';
import { checkIndexModel, type ReportIndex } from './corpus/index-folder.js';
import { type Studies, type Study, studiesOf } from './data/study.js';
import { draftBody, draftOf } from './draft/draft.js';
import { labelReport } from './labels/labeler.js';
import { metricText } from './labels/sentences.js';
import { auroc } from './metrics/auroc.js';
import { bleu, type Compared } from './metrics/bleu.js';
import { ciderD } from './metrics/cider-d.js';
import { type KeywordF1, keywordF1 } from './metrics/keyword-f1.js';
import { rougeL } from './metrics/rouge-l.js';
import { seeStudies } from './see-studies.js';

/** Text figures of drafts against reports, after `metricText`. */
export interface TextFigures {
  /** BLEU-1 … BLEU-4. */
  readonly bleu: readonly number[];
  readonly rougeL: number;
  readonly ciderD: number;
  readonly keywordF1: KeywordF1;
}

/** What was measured of one finding; shares and areas from 0 to 1. */
export interface FindingFigures {
  /** Studies whose report affirms it. */
  readonly there: number;
  /** Of calibrated probabilities, of the head alone and of the prompt pairs alone; left out where it is in all reports or none. */
  readonly auroc?: number;
  readonly aurocHead?: number;
  readonly aurocPair?: number;
  /** Shares of the studies of which it is said to be there, or not, or nothing is said. */
  readonly said: { readonly present: number; readonly absent: number; readonly nothing: number };
  /** Of those said not to have it, the share that has it. */
  readonly missed?: number;
}

/** What {@link evaluateReports} measured. */
export interface ReportEvaluation {
  readonly data: string;
  readonly split: string;
  readonly synthetic: boolean;
  readonly studies: number;
  readonly skipped: readonly Skipped[];
  readonly drafts: TextFigures;
  /** What anybody would score who wrote the same normal report of everyone, or a report of somebody else. */
  readonly baselines: { readonly normal: TextFigures; readonly random: TextFigures };
  readonly findings: Readonly<Record<string, FindingFigures>>;
  /** Mean over the findings that have one. */
  readonly meanAuroc?: number;
  readonly meanAurocHead?: number;
  readonly meanAurocPair?: number;
  /** Share of the studies that count as far from everything indexed: of these nothing is said. */
  readonly far: number;
  /** From decoded images to the draft, on one thread; left out where it was not timed. */
  readonly msPerStudy?: { readonly median: number; readonly runs: number };
}

/** Options of {@link evaluateReports}. */
export interface EvaluateReportsOptions extends Pick<CompileOptions, 'device' | 'threads'> {
  /** @defaultValue test */
  readonly split?: string;
  /** Of the random baseline. */
  readonly seed?: number;
  /** Studies that are timed. @defaultValue 0 */
  readonly timed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void | Promise<void>;
}

/**
 * Drafts a report of each study of a split, and measures drafts and findings against the reports; with two baselines beside
 * them, without which no figure of reports means anything.
 *
 * @throws UserError where the index stands on another model, the split is missing, or the index has other findings than the studies
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('runs/phantom-student', 'medical-report');
 * const index = await loadReportIndex('runs/phantom-reports');
 * const { drafts, baselines } = await evaluateReports(model, index, await openStudies('phantoms'));
 * console.log(`${drafts.keywordF1.micro}, a constant normal report ${baselines.normal.keywordF1.micro}`);
 */
export async function evaluateReports(
  model: TowerModel,
  index: ReportIndex,
  studies: Studies,
  options: EvaluateReportsOptions = {},
): Promise<ReportEvaluation> {
  const { split = 'test', seed = 0, timed = 0, device, threads, signal, onProgress } = options;
  checkIndexModel(index, model);
  const { described } = index;
  if (described.findings !== studies.findings.name) {
    throw new UserError(
      `${studies.name}: expected studies read for the findings ${described.findings}, got ${studies.findings.name}: give ?findings=${described.findings}`,
    );
  }
  const held = studiesOf(studies, split);
  if (held.length === 0) {
    const splits = [...new Set(studies.studies.map((study) => study.split))].join(', ');
    throw new UserError(`--split ${split}: expected one of ${splits}, which ${studies.name} has`);
  }
  const analyser = await Analyser.open(model, index, 32, { device, threads });
  const drafted: { study: Study; draft: string; far: boolean; found: ReturnType<typeof findingsOf> }[] = [];
  let skipped: Skipped[];
  try {
    const keep = (study: Study, seen: Seen) => {
      const draft = draftOf(seen, index, []);
      drafted.push({
        study,
        draft: metricText(draftBody(draft)),
        far: draft.far_from_index.far,
        found: findingsOf(seen, index),
      });
    };
    skipped = await seeStudies(analyser, studies, held, keep, { signal, onProgress });
  } finally {
    await analyser.dispose();
  }
  if (drafted.length === 0) throw new UserError(`${studies.name}/${split}: none of its images can be read`);
  const references = drafted.map(({ study }) => [metricText(study.report)]);
  const figures = (texts: readonly string[]): TextFigures => {
    const compared: Compared[] = texts.map((draft, i) => ({ draft, references: references[i]! }));
    return {
      ...{ bleu: bleu(compared), rougeL: rougeL(compared), ciderD: ciderD(compared) },
      keywordF1: keywordF1(compared, studies.findings),
    };
  };
  const indexed = new Set(described.studies);
  const others = studies.studies.filter(({ id, split: own }) => own !== split && indexed.has(id));
  const pool = (others.length > 0 ? others : held).map(({ report }) => metricText(report));
  const random = new Random('random-report', seed);
  const findings = findingFigures(drafted, studies);
  const mean = (pick: (figures: FindingFigures) => number | undefined) => {
    const known = Object.values(findings).flatMap((one) => pick(one) ?? []);
    return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0) / known.length;
  };
  const msPerStudy = timed > 0 ? await timeDrafts(model, index, studies, held.slice(0, timed), signal) : undefined;
  return {
    ...{ data: studies.name, split, synthetic: studies.synthetic, studies: drafted.length, skipped },
    drafts: figures(drafted.map(({ draft }) => draft)),
    baselines: {
      normal: figures(drafted.map(() => described.normal)),
      random: figures(drafted.map(() => random.pick(pool))),
    },
    findings,
    meanAuroc: mean((one) => one.auroc),
    meanAurocHead: mean((one) => one.aurocHead),
    meanAurocPair: mean((one) => one.aurocPair),
    far: drafted.filter(({ far }) => far).length / drafted.length,
    ...(msPerStudy && { msPerStudy }),
  };
}

function findingFigures(
  drafted: readonly { study: Study; found: ReturnType<typeof findingsOf> }[],
  { findings: set }: Studies,
): Record<string, FindingFigures> {
  const labels = drafted.map(({ study }) => labelReport(study.report, set));
  return Object.fromEntries(
    set.findings.map(({ name }, f) => {
      const rows = drafted.map(({ found }, i) => ({ ...found[f]!, isThere: labels[i]!.get(name) === 'present' }));
      const by = (pick: (row: (typeof rows)[number]) => number) =>
        auroc(rows.map((row) => ({ score: pick(row), isThere: row.isThere })));
      const share = (said: 'present' | 'absent' | undefined) =>
        rows.filter((row) => row.said === said).length / rows.length;
      const denied = rows.filter(({ said }) => said === 'absent');
      const figures: FindingFigures = {
        there: rows.filter(({ isThere }) => isThere).length,
        auroc: by(({ probability }) => probability),
        aurocHead: by(({ head }) => head),
        aurocPair: by(({ pair }) => pair),
        said: { present: share('present'), absent: share('absent'), nothing: share(undefined) },
        ...(denied.length > 0 && { missed: denied.filter(({ isThere }) => isThere).length / denied.length }),
      };
      return [name, figures];
    }),
  );
}

/** Milliseconds a study takes from its decoded images to the draft, one thread, one study at a time. */
async function timeDrafts(
  model: TowerModel,
  index: ReportIndex,
  { dataset }: Studies,
  studies: readonly Study[],
  signal?: AbortSignal,
): Promise<{ median: number; runs: number }> {
  const analyser = await Analyser.open(model, index, 1, { threads: 1 });
  const times: number[] = [];
  try {
    for (const { images } of studies) {
      signal?.throwIfAborted();
      const decoded = await Promise.all(images.map((image) => wholeImage(dataset, image)));
      const start = performance.now();
      const [seen] = await analyser.see([decoded]);
      draftOf(seen!, index, []);
      times.push(performance.now() - start);
    }
  } finally {
    await analyser.dispose();
  }
  // The first ones fill caches.
  const warm = times.length > 10 ? times.slice(5) : times;
  return { median: median(warm), runs: warm.length };
}
