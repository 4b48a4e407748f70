export { answerLogits } from './answers.js';
export {
  type Anchor,
  type Bank,
  type BankTask,
  isRouted,
  type ReplayImages,
  type Routing,
  routings,
  type TaskKeys,
} from './bank.js';
export { type BankClasses, bankAnswer, bankClasses } from './bank-classifier.js';
export { BankImageEncoder, bankTexts, type EncodedByBank } from './bank-encoders.js';
export { isBank, readBank, saveBank, taskFolder } from './bank-folder.js';
export {
  type BankImages,
  bankImages,
  bankWeights,
  mixedPrompts,
  mixtureOf,
  orthogonality,
  plainModel,
  sharedModel,
} from './bank-graph.js';
export { checkNewTask, checkOneShape, type Forgotten, forgetTask, mergeBanks } from './change-bank.js';
export { type Routes, routeImages } from './routing.js';
export { taskName } from './task-folder.js';
export { initTaskPrompts, type TaskPromptShape, taskTextFeatures, taskTextLimit } from './task-prompts.js';
