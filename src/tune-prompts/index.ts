export { planTunePrompts } from './plan.js';
export { chooseClasses } from './step-classes.js';
export { type TunePromptsOptions, type TunePromptsResult, tunePrompts } from './tune-prompts.js';
export { type TunePromptsRecipe, tunePromptsRecipe } from './tune-prompts-recipe.js';
