export { type BullmqOptions, runOnBullmq, workOnBullmq } from './bullmq.js';
export { type Axis, expandCalls, parseAxes } from './expand.js';
export {
  createJobSet,
  type JobAttempt,
  type JobRecord,
  type JobSet,
  readJobSet,
  readRecord,
  readRecords,
} from './job-set.js';
export { type Launcher, type LaunchWish, launchPlan, launchText, startLaunch } from './launch/launch.js';
export { type LaunchPlan, shellLine } from './launch/plan.js';
export { countJobs, type JobCounts, type RunJobsOptions, runLocal } from './local.js';
export { resultField } from './result-field.js';
export { type JobOutcome, ownCommand, type RunJobOptions, runJob } from './run-job.js';
export { type JobEngine, runJobSet } from './run-set.js';
export { parseShard, type Shard, shardOf, shardText, wholeWork } from './shard.js';
