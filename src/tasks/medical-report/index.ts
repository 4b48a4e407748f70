export {
  indexFingerprint,
  indexForVariant,
  isReportIndex,
  loadReportIndex,
  type ReportIndex,
} from './corpus/index-folder.js';
export { radiograph, readRadiograph } from './data/collect.js';
export { decodeDicom } from './data/dicom.js';
export { openStudies, studyKinds } from './data/open.js';
export type { Studies, Study } from './data/study.js';
export type { DraftSentence } from './draft/compose.js';
export { type Draft, draftBody, draftHeader, draftText, writeDraft } from './draft/draft.js';
export { Drafter } from './draft-study.js';
export {
  type EvaluateReportsOptions,
  evaluateReports,
  type FindingFigures,
  type ReportEvaluation,
  type TextFigures,
} from './evaluate.js';
export { type ExportedReports, exportReports } from './export.js';
export { type FindingSet, findingSet, findingSetNames, type ReportFinding } from './labels/finding-set.js';
export { type Labels, labelReport, type Said } from './labels/labeler.js';
export { bleu, type Compared } from './metrics/bleu.js';
export { ciderD } from './metrics/cider-d.js';
export { type KeywordF1, keywordF1 } from './metrics/keyword-f1.js';
export { rougeL } from './metrics/rouge-l.js';
export { medicalReportExtension } from './serve.js';
export { type ReportIndexRecipe, reportIndexRecipe } from './train/index-recipe.js';
export { type MakeReportIndexOptions, type MakeReportIndexResult, makeReportIndex } from './train/make-index.js';
