/**
 * Work cut into jobs that run once each, here or on several machines, sweeps over recipe fields, and training in rounds.
 *
 * @module promptkd/jobs
 */
export {
  createRounds,
  type RoundResult,
  type RoundsPlan,
  type RoundsResult,
  type RunRoundsOptions,
  readPlan,
  runRounds,
} from '../diloco/index.js';
export {
  type Axis,
  type BullmqOptions,
  countJobs,
  createJobSet,
  expandCalls,
  type JobAttempt,
  type JobCounts,
  type JobEngine,
  type JobOutcome,
  type JobRecord,
  type JobSet,
  type Launcher,
  type LaunchPlan,
  type LaunchWish,
  launchPlan,
  launchText,
  parseAxes,
  parseShard,
  type RunJobOptions,
  type RunJobsOptions,
  readJobSet,
  readRecord,
  readRecords,
  runJob,
  runJobSet,
  runLocal,
  runOnBullmq,
  type Shard,
  shardOf,
  shellLine,
  startLaunch,
  workOnBullmq,
} from '../jobs/index.js';
export {
  firstCalls,
  type PlannedRun,
  parseSweep,
  readSweep,
  runSweep,
  type SweepOptions,
  type SweepResult,
  type SweepSpec,
  type Trial,
  type TrialResult,
  type TrialRun,
} from '../sweep/index.js';
export { mergeRound } from '../train/index.js';
