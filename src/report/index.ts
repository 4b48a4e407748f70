export type {
  Answer,
  ArtistAccuracy,
  AttentionMap,
  ChanceLevels,
  ExampleCard,
  Interval,
  LossCurve,
  LossPoint,
  LossSeries,
  ModelSummary,
  PhaseSpan,
  ReportData,
} from './data.js';
export { type HeatMap, heatMap } from './heat-map.js';
export { Html, html } from './html.js';
export { type LossHistory, type LossTitle, lossCurves, phaseSpans } from './loss-curves.js';
export { type MatrixPage, matrixPage } from './matrix-page.js';
export { type ModelMetrics, modelMetrics } from './metrics.js';
export { accuracy, bytes, count, duration, milliseconds, percent, ratio } from './numbers.js';
export { reportPage, writeReport } from './page.js';
export { type ParetoPoint, paretoFile } from './pareto-file.js';
export { type RunsPage, runsPage } from './runs-page.js';
export { summaryTable } from './summary-table.js';
export { teachersPage, writeTeachersPage } from './teachers.js';
export { foldedTable, textTable } from './text-table.js';
export { type Tradeoff, type TradeoffPoint, tradeoffFile } from './tradeoff-file.js';
