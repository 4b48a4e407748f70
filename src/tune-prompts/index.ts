export { planTunePrompts } from './plan.js';
export type { TunePromptsOptions } from './prepare-tuning.js';
export { chooseClasses } from './step-classes.js';
export { type TunePromptsResult, tunePrompts } from './tune-prompts.js';
export { type TunePromptsRecipe, tunePromptsRecipe } from './tune-prompts-recipe.js';
