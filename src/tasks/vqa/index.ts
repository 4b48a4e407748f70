export { type Asked, type AskerOptions, type VqaAnswer, VqaAsker } from './ask.js';
export { openVqa, vqaDataKinds } from './data/open-vqa.js';
export type { Question, VqaDataset } from './data/question.js';
export {
  type EvaluateVqaOptions,
  evaluateVqa,
  type GivenAnswer,
  type VqaEvaluation,
} from './evaluate-vqa.js';
export { type ExportedVqa, exportVqa } from './export/export-vqa.js';
export { vqaManifest, vqaManifestFile } from './export/vqa-manifest.js';
export { loadVqaHead, saveVqaHead, type VqaHead, withAnswers } from './head/vqa-head.js';
export { type AnsweredQuestion, answerAccuracy, type VqaAccuracy, vqaAccuracy } from './metric/accuracy.js';
export { normaliseAnswer } from './metric/normalise.js';
export type { RankedAnswer } from './rank-answers.js';
export { vqaExtension } from './serve.js';
export { type TrainVqaOptions, type TrainVqaResult, trainVqa } from './train/train-vqa.js';
export { type VqaRecipe, vqaRecipe } from './train/vqa-recipe.js';
export { statementOf } from './zero-shot/statements.js';
export { answerZeroShot } from './zero-shot/zero-shot.js';
