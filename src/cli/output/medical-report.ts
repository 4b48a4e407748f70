import { percent, textTable } from '../../report/index.js';
import type { ReportEvaluation, TextFigures } from '../../tasks/index.js';

/** An evaluation of drafts for people: text figures beside both baselines, then findings. */
export function reportsTable(made: ReportEvaluation): string {
  const { drafts, baselines, findings } = made;
  const row = (name: string, { bleu, rougeL, ciderD, keywordF1 }: TextFigures) => [
    ...[name, ...bleu.map((x) => x.toFixed(3)), rougeL.toFixed(3), ciderD.toFixed(2)],
    ...[keywordF1.micro.toFixed(3), keywordF1.macro.toFixed(3)],
  ];
  const share = (x: number | undefined) => (x === undefined ? '–' : x.toFixed(3));
  const text = textTable([
    ['', 'B-1', 'B-2', 'B-3', 'B-4', 'R-L', 'CIDEr', 'F1 mic', 'F1 mac'],
    row('drafts', drafts),
    row('constant normal', baselines.normal),
    row('random report', baselines.random),
  ]);
  const found = textTable([
    ['AUROC', 'both', 'head', 'prompts', 'reports', 'no word'],
    ...Object.entries(findings).map(([name, one]) => [
      ...[name, share(one.auroc), share(one.aurocHead), share(one.aurocPair), String(one.there)],
      `${percent(one.said.nothing)} %`,
    ]),
    ['mean', share(made.meanAuroc), share(made.meanAurocHead), share(made.meanAurocPair), '', ''],
  ]);
  const { msPerStudy: ms, skipped } = made;
  return [
    `${made.studies} studies of ${made.data}/${made.split}${made.synthetic ? ', synthetic phantoms: nothing of this holds for radiographs' : ''}`,
    ...(skipped.length > 0
      ? [`${skipped.length} images or studies could not be used, the first: ${skipped[0]!.id}`]
      : []),
    '',
    text,
    '',
    found,
    '',
    `far from everything indexed, nothing said: ${percent(made.far)} % of the studies`,
    ...(ms ? [`${ms.median.toFixed(1)} ms a study on one thread, decoded images to draft (median of ${ms.runs})`] : []),
    'F1 is of keywords, neither CheXpert’s nor CheXbert’s. Text after R2Gen’s cleaning.',
  ].join('\n');
}

/** The same for machines. */
export function reportsJson(made: ReportEvaluation): unknown {
  const text = ({ bleu, rougeL, ciderD, keywordF1 }: TextFigures) => ({
    ...{ bleu, rouge_l: rougeL, cider_d: ciderD, keyword_f1_micro: keywordF1.micro, keyword_f1_macro: keywordF1.macro },
    ...(keywordF1.microFive !== undefined && {
      keyword_f1_micro_5: keywordF1.microFive,
      keyword_f1_macro_5: keywordF1.macroFive,
    }),
    keyword_f1: keywordF1.byFinding,
  });
  return {
    ...{ data: made.data, split: made.split, synthetic: made.synthetic, studies: made.studies, skipped: made.skipped },
    drafts: text(made.drafts),
    baselines: { normal: text(made.baselines.normal), random: text(made.baselines.random) },
    findings: Object.fromEntries(
      Object.entries(made.findings).map(([name, { aurocHead, aurocPair, ...rest }]) => [
        name,
        { ...rest, auroc_head: aurocHead, auroc_prompts: aurocPair },
      ]),
    ),
    ...{ auroc: made.meanAuroc, auroc_head: made.meanAurocHead, auroc_prompts: made.meanAurocPair, far: made.far },
    ...(made.msPerStudy && { ms_per_study: made.msPerStudy }),
  };
}
