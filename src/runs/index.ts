export { type Deletable, deletableOf, deleteAll } from './clean-runs.js';
export { type FoundRun, findRuns, openRun } from './find-runs.js';
export { historyCsv } from './history-csv.js';
export { MlflowLog, type MlflowOptions, type MlflowStatus } from './mlflow.js';
export { type RecipeDifference, recipeDifferences } from './recipe-differences.js';
export { type RunSummary, shownFigures, summaryOf } from './run-figures.js';
export { runsReport } from './runs-report.js';
