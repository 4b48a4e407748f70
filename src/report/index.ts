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
export { bytes, count, duration, percent } from './numbers.js';
export { reportPage, writeReport } from './page.js';
