export { chartFile } from './chart-file.js';
export type {
  Answer,
  ArtistAccuracy,
  AttentionMap,
  DrawingExample,
  Interval,
  LossCurve,
  ModelSummary,
  PhaseSpan,
  ReportData,
} from './data.js';
export { Html, html } from './html.js';
export { type LossHistory, type LossTitle, lossCurves, phaseSpans } from './loss-curves.js';
export { type ModelMetrics, modelMetrics } from './metrics.js';
export { bytes, count, duration, percent } from './numbers.js';
export { reportPage, writeReport } from './page.js';
export { type ParetoPoint, paretoFile } from './pareto-file.js';
export { summaryTable } from './summary-table.js';
export { textTable } from './text-table.js';
