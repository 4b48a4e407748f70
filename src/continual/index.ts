export {
  type ContinualOptions,
  type ContinualResult,
  continual,
  figuresOf,
  type MethodSummary,
  type SequenceRun,
} from './continual.js';
export { type Continued, type ContinueOptions, continueBank, nameOfData, taskNameOf } from './continue-bank.js';
export { balancedLambda, ewcPenalty, movedAnchor, oneAnchor } from './ewc-penalty.js';
export {
  type FisherGraph,
  type FisherKind,
  type FisherOptions,
  type FisherSamples,
  fisherInformation,
  fisherKinds,
} from './fisher.js';
export { kMeans } from './k-means.js';
export { type AccuracyMatrix, type ContinualMetrics, continualMetrics } from './metrics.js';
export { type ContinueRecipe, continueRecipe, type Method, methods } from './recipe.js';
export { type Contestant, type ContinualRecipe, contestants, continualRecipe } from './sequence-recipe.js';
