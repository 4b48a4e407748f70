export { type BeamOptions, beamSearch, chooseHeldOut, type Found } from './beam.js';
export {
  type Candidate,
  coordinateSearch,
  type EvolutionOptions,
  evolve,
  type Judge,
  type Judged,
  textOf,
} from './candidates.js';
export { pairedGain } from './gain.js';
export {
  byQuality,
  type Ensemble,
  ensembleCosines,
  ensembleQuality,
  isBetter,
  type Labelled,
  type Quality,
  qualityOf,
  type TemplateScores,
  uniform,
} from './scores.js';
export {
  type TokenSearchOptions,
  templateText,
  tokenSearch,
  type Vocabulary,
  type WordTemplate,
  wordTemplate,
} from './tokens.js';
export { combinedScores, standOut, UnlabelledJudge, type UnlabelledScores } from './unlabelled-scores.js';
export { fitWeights } from './weights.js';
