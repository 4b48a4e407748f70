/**
 * `promptkd`: what most programs need, and all that the commands do. The parts stand in subpaths, as `promptkd/data`;
 * what a new room of `src/` makes public goes to one of those, in `src/library/`.
 *
 * @module promptkd
 */
export {
  type ExportOptions,
  type ExportResult,
  exportModel,
  type QuantizeModelOptions,
  type QuantizeModelResult,
  quantizeModel,
} from './compress/index.js';
export { continual, continualRecipe, continueBank, continueRecipe } from './continual/index.js';
export { cvpr2024, cvpr2024Recipe } from './cvpr2024/index.js';
export { type Example, type ImageTextDataset, inspectDataset, openDataset } from './data/index.js';
export { type DistillRecipe, type DistillResult, distillRecipe, loadTeacher } from './distill/index.js';
export { type EmbedDatasetOptions, embedDataset, type SearchHit, SearchIndex } from './embed/index.js';
export { UserError } from './errors.js';
export {
  type CompareOptions,
  type Comparison,
  compareModels,
  type EvaluateOptions,
  type Evaluation,
  evaluateModel,
} from './evaluate/index.js';
export {
  type AnyModel,
  type CascadeAnswer,
  type CascadeOptions,
  type ClassifyOptions,
  type ClassProbability,
  cascade,
  classify,
  type DistillFields,
  distill,
  type Embeddings,
  type EmbedInputs,
  type EncodeOptions,
  type EverydayDistillOptions,
  embed,
  type GivenImage,
  type OpenCascade,
  type TwoModels,
} from './everyday/index.js';
export { loadRecipe, type RecipeSource } from './files/recipe-file.js';
export { type LoadOptions, loadModel, type Model, saveModel } from './model/index.js';
export {
  type PretrainOptions,
  type PretrainRecipe,
  type PretrainResult,
  pretrain,
  pretrainRecipe,
} from './pretrain/index.js';
export { findPrompts } from './prompt-search/index.js';
export { findRuns, runsReport } from './runs/index.js';
export { ModelServer, type ServerOptions } from './serve/index.js';
export {
  type TunePromptsOptions,
  type TunePromptsRecipe,
  type TunePromptsResult,
  tunePrompts,
  tunePromptsRecipe,
} from './tune-prompts/index.js';
export { type PageOptions, type PageResult, writePage } from './web/index.js';
