export * from './defects/index.js';
export * from './medical-report/index.js';
export {
  type PatchChoice,
  type PatchEncoder,
  type PatchFeatures,
  type PatchFeaturesOptions,
  type PatchTokens,
  patchEncoder,
  patchFeatures,
  patchTokens,
} from './patch-features.js';
export { type TaskDtype, taskDtypes } from './stored-weights.js';
export * from './vqa/index.js';
