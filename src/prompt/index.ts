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
export {
  loadPrompts,
  promptedTextTower,
  promptFile,
  type SavedPrompts,
  savePrompts,
} from './prompted.js';
export * as promptSearch from './search/index.js';
export * from './templates/index.js';
