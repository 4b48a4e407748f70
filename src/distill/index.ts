export { type AdamWOptions, adamw } from './adamw.js';
export { contrastiveLoss } from './contrastive.js';
export { type LoopOptions, type StepEvent, type TrainResult, train } from './loop.js';
export { decaysByDefault, type Optimizer, type ParameterRules } from './optimizer.js';
export { type PretrainEvent, type PretrainOptions, type PretrainResult, pretrain } from './pretrain.js';
export { type PretrainRecipe, pretrainRecipe } from './pretrain-recipe.js';
export { type Schedule, type ScheduleOptions, warmupConstant, warmupCosine } from './schedule.js';
export { type SgdOptions, sgd } from './sgd.js';
export type { StepResult, Task } from './task.js';
