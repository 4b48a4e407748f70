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
export { bankBlocks, bankTextLimit, bankWidth } from './bank-embeds.js';
export { type BankGraphName, bankEmbeds, bankExportGraph, bankLogitFactor } from './bank-export.js';
export { changingBank, isBank, readBank, saveBank, taskFolder } from './bank-folder.js';
export {
  type BankImages,
  bankImages,
  bankWeights,
  mixedPrompts,
  mixtureOf,
  orthogonality,
  sharedModel,
} from './bank-graph.js';
export { bankConfig, bankFingerprint, bankModel } from './bank-model.js';
export { checkNewTask, checkOneShape, type Forgotten, forgetTask, mergeBanks } from './change-bank.js';
export { loadModelOrBank, openEncodersOrBank } from './load.js';
export { type Routes, routeImages } from './routing.js';
export { taskName } from './task-folder.js';
export { initTaskPrompts, type TaskPromptShape, taskTextFeatures, taskTextLimit } from './task-prompts.js';
