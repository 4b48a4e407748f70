export { contrastiveLoss } from './contrastive.js';
export { planPretrain } from './plan.js';
export { type PretrainOptions, type PretrainResult, pretrain } from './pretrain.js';
export { type PretrainRecipe, pretrainRecipe } from './pretrain-recipe.js';
export { sigmoidContrastiveLoss } from './sigmoid-contrastive.js';
