export { type BaseNovel, baseNovel, harmonicInterval } from './base-novel.js';
export { type BenchStepOptions, type BenchStepResult, benchStep, stepFlops } from './bench-step.js';
export { type ArtistTop1, byArtist } from './by-artist.js';
export { type BiasPoint, type CalibratedBias, calibratedBias } from './calibrated-bias.js';
export { candidateClasses } from './candidate-classes.js';
export {
  type CompareOptions,
  type Comparison,
  compareModels,
  type VariantFigures,
  type VariantSource,
} from './compare.js';
export { type ClassFigures, type Confusion, classFigures, confusions } from './confusions.js';
export { type EmbeddedImages, type EmbedOptions, embedImages, embedTexts } from './embed.js';
export { type EvaluateOptions, type Evaluation, evaluateModel } from './evaluate.js';
export { heldOutSplit } from './held-out.js';
export { imageLatency, type Latency, type LatencyOptions } from './latency.js';
export { byTrainingCount, type TailGroup, type TailLimits } from './long-tail.js';
export { peakGflops } from './peak.js';
export { Probe, type ProbeFigures, type ProbeOptions } from './probe.js';
export { type FoldRetrieval, foldRetrieval, type Recall, type Retrieval, retrieval } from './retrieval.js';
export { templateWarning } from './template-warning.js';
export {
  classFeatures,
  type Prediction,
  type TopClass,
  top1,
  topClasses,
  type ZeroShot,
  zeroShotAccuracy,
} from './zero-shot.js';
