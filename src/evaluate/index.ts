export type { Interval } from '../interval.js';
export { median } from '../quantile.js';
export { type BaseNovel, baseNovel, harmonicInterval } from './base-novel.js';
export { type BenchStepOptions, type BenchStepResult, benchStep, stepFlops } from './bench-step.js';
export { type ArtistTop1, byArtist } from './by-artist.js';
export { candidateClasses } from './candidate-classes.js';
export { type CompareOptions, type Comparison, compareModels, type VariantFigures } from './compare.js';
export {
  type Cvpr2024Measured,
  type Cvpr2024Models,
  evaluateCvpr2024,
  evaluateTransfer,
} from './cvpr2024.js';
export {
  type Cvpr2024Seed,
  type Cvpr2024Seeds,
  type Cvpr2024SeedsOptions,
  cvpr2024Seeds,
  type Transfer,
} from './cvpr2024-seeds.js';
export { type EmbeddedImages, type EmbedOptions, embedImages, embedTexts } from './embed.js';
export { defaultTemplates, type EvaluateOptions, type Evaluation, evaluateModel } from './evaluate.js';
export { imageLatency, type Latency, type LatencyOptions } from './latency.js';
export { byTrainingCount, type TailGroup, type TailLimits } from './long-tail.js';
export { type EvaluatedModel, type EvaluatedPair, loadModel, loadModelOrPair } from './model.js';
export {
  findPrompts,
  gainOverDefault,
  type HeldOutFigure,
  type PromptSearch,
  type PromptSearchOptions,
  type SearchPhase,
  searchDefaults,
} from './prompt-search/index.js';
export { type FoldRetrieval, foldRetrieval, type Recall, type Retrieval, retrieval } from './retrieval.js';
export { dot, dots, type Rows, toUnitRows } from './rows.js';
export type { Spread } from './spread.js';
export { visionSide } from './vision-side.js';
export {
  classFeatures,
  type Prediction,
  type TopClass,
  topClasses,
  type ZeroShot,
  zeroShotAccuracy,
} from './zero-shot.js';
