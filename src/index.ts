/**
 * `promptkd`: what most programs need, and all that the commands do. The parts stand in subpaths, as `promptkd/data`;
 * what a new room of `src/` makes public goes to one of those, in `src/library/`.
 *
 * @module promptkd
 */
export {
  type ExportOptions,
  exportModel,
  type QuantizeModelOptions,
  quantizeModel,
} from './compress/index.js';
export { continual, continualRecipe, continueBank, continueRecipe } from './continual/index.js';
export { cvpr2024, cvpr2024Recipe } from './cvpr2024/index.js';
export { type Example, type ImageTextDataset, openDataset } from './data/index.js';
export { type DistillRecipe, type DistillResult, distillRecipe } from './distill/index.js';
export { embedDataset, SearchIndex } from './embed/index.js';
export { UserError } from './errors.js';
export {
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
  pretrain,
  pretrainRecipe,
} from './pretrain/index.js';
export { findPrompts } from './prompt-search/index.js';
export { findRuns, runsReport } from './runs/index.js';
export { type Handler, type HandlerOptions, ModelServer, type ServerOptions, serve } from './serve/index.js';
export {
  type TunePromptsOptions,
  tunePrompts,
  tunePromptsRecipe,
} from './tune-prompts/index.js';
export { type PageOptions, writePage } from './web/index.js';
