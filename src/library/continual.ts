/**
 * Prompt memory banks, and learning task after task without forgetting.
 *
 * @module promptkd/continual
 */
export {
  type Anchor,
  type Bank,
  type BankTask,
  type Forgotten,
  forgetTask,
  isBank,
  loadModelOrBank,
  mergeBanks,
  type ReplayImages,
  type Routes,
  type Routing,
  readBank,
  routeImages,
  routings,
  saveBank,
  type TaskKeys,
} from '../bank/index.js';
export {
  type AccuracyMatrix,
  type Contestant,
  type ContinualMetrics,
  type ContinualOptions,
  type ContinualRecipe,
  type ContinualResult,
  type Continued,
  type ContinueOptions,
  type ContinueRecipe,
  contestants,
  continual,
  continualMetrics,
  continualRecipe,
  continueBank,
  continueRecipe,
  ewcPenalty,
  type FisherKind,
  fisherInformation,
  fisherKinds,
  type Method,
  type MethodSummary,
  methods,
  type SequenceRun,
} from '../continual/index.js';
