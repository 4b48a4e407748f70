export { runSweep, type SweepOptions } from './run-sweep.js';
export { firstCalls, type PlannedRun } from './sweep-plan.js';
export { parseSweep, readSweep, type SweepSpec } from './sweep-spec.js';
export type { SweepResult, TrialResult, TrialRun } from './sweep-table.js';
export type { Trial } from './trials.js';
