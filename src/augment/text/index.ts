export { augmentText, type TextAugmentOptions } from './augment.js';
export { type BackTranslateOptions, backTranslate, type PivotLanguage, pivotLanguages } from './back-translation.js';
export { paraphrase } from './paraphrase.js';
export { type Sayings, type SayOptions, saidByModels, type TextModels } from './sayings.js';
export { type ReplaceOptions, replaceSynonyms } from './synonyms.js';
