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
  promptedTextEmbeds,
  promptedVisionEmbeds,
  promptFile,
  type SavedPrompts,
  savePrompts,
  visionPromptInputs,
} from './prompted.js';
export * as promptSearch from './search/index.js';
export * from './templates/index.js';
