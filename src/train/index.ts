export { type AdamWOptions, adamw } from './adamw.js';
export { statePath } from './checkpoint-state.js';
export { type EngineSettings, engineFields, engineOptions } from './engine-fields.js';
export { type Executor, type ExecutorOptions, openExecutor, type StepReport } from './executor.js';
export type { FlatGradients, Gradients } from './flat-gradients.js';
export { type LoopOptions, type StepEvent, type TrainResult, train } from './loop.js';
export { takeValues } from './moving-average.js';
export { decaysByDefault, type Optimizer, type ParameterRules } from './optimizer.js';
export { type PhaseRounds, type Rounds, roundsOf } from './rounds/local-steps.js';
export { type MergeOptions, mergeRound } from './rounds/merge-round.js';
export { lastMerged, type MergedState } from './rounds/round-files.js';
export {
  evaluationFields,
  type RunEvaluation,
  type RunFigures,
  runEvaluation,
  scoreName,
  scoreOf,
  shareOfTeacher,
} from './run/evaluation.js';
export { History, type HistoryEntry, historyFile, parseHistoryLine } from './run/history.js';
export { type Trend, trendLine, trendOf } from './run/learning.js';
export { inRun, type PhasePlace, type Run, type RunIdentity, type RunWork } from './run/run.js';
export type { RunInvocation, RunOptions, RunOutcome, RunProgress, RunResult } from './run/run-options.js';
export { checkRoom, freeBytes, type PlannedFiles, type RunPlan } from './run/run-plan.js';
export { type RunRecord, readRunRecord } from './run/run-record.js';
export { bestOf, evaluationsOf, type PlacedEvaluation, Validation } from './run/validation.js';
export { epochCosine, type Schedule, type ScheduleOptions, warmupConstant, warmupCosine } from './schedule.js';
export { type SgdOptions, sgd } from './sgd.js';
export { type StepGradients, type StepGradientsOptions, StepGradientsProgram } from './step-gradients.js';
export type { CarriedArray, GradientGroup, Task } from './task.js';
export { timeSteps } from './time-steps.js';
