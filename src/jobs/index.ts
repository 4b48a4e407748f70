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
export { countJobs, type JobCounts, type RunJobsOptions, runLocal } from './local.js';
export { type JobOutcome, ownCommand, type RunJobOptions, runJob } from './run-job.js';
export { parseShard, type Shard, shardOf, shardText, wholeWork } from './shard.js';
