export { deepPrompts, initDeepPrompts } from './deep.js';
export {
  countParameters,
  encodePromptTexts,
  initPromptEncoder,
  type PromptEncoderConfig,
  textPrompts,
  tokenMask,
  visionPrompts,
} from './encoder.js';
export { promptPenalty } from './prompt-penalty.js';
export {
  loadPrompts,
  promptedTextTower,
  promptFile,
  type SavedPrompts,
  savePrompts,
} from './prompted.js';
export { promptConfig, promptsSchema } from './prompts-recipe.js';
export { taskPrompts } from './task-prompts.js';
export * from './templates/index.js';
