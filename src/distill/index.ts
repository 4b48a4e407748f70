export { type AdamWOptions, adamw } from './adamw.js';
export { attentionLoss, headAverage } from './attention-loss.js';
export type { Batches } from './batches.js';
export { contrastiveLoss } from './contrastive.js';
export { coordinate } from './coordinate.js';
export { crossModalLoss, crossShardAxis, studentCrossMap, teacherCrossMap } from './cross-modal.js';
export { type Cvpr2024Run, type Cvpr2024RunOptions, cvpr2024 } from './cvpr2024.js';
export { type Cvpr2024Recipe, cvpr2024Recipe } from './cvpr2024-recipe.js';
export {
  type Cvpr2024Options,
  type Cvpr2024Task,
  cvpr2024Task,
  type ImageBatches,
  type TeacherClasses,
} from './cvpr2024-task.js';
export { type DistillOptions, type DistillResult, type DistillStep, distill, saveStudent } from './distill.js';
export { fitPixels } from './dual-stream.js';
export { EpochOrder } from './epoch-order.js';
export { ensureTargets } from './extract-targets.js';
export { featureLoss } from './feature-loss.js';
export { hashParams } from './fingerprint.js';
export type { HistoryEntry } from './history.js';
export { liveBatches, storedBatches, ViewBatches, type ViewOptions } from './image-batches.js';
export { type InheritOptions, inherit } from './inherit.js';
export { boundLogitScale } from './logit-scale.js';
export { type LoopOptions, type StepEvent, type TrainResult, train } from './loop.js';
export { openBatches, type TargetOptions } from './open-batches.js';
export { decaysByDefault, type Optimizer, type ParameterRules } from './optimizer.js';
export { phasesOf } from './phases.js';
export { type PretrainEvent, type PretrainOptions, type PretrainResult, pretrain } from './pretrain.js';
export { type PretrainRecipe, pretrainRecipe } from './pretrain-recipe.js';
export { principalStreams, type TrainingData } from './principal-streams.js';
export { initProjector, projector } from './projector.js';
export { type PromptedTeacher, type TeacherImages, teacherImages, teacherTextFeatures } from './prompted-teacher.js';
export { type DistillRecipe, distillRecipe, type LossName } from './recipe.js';
export { importantStreams, type Streams } from './residual-stream.js';
export { responseLoss } from './response-loss.js';
export { type Schedule, type ScheduleOptions, warmupConstant, warmupCosine } from './schedule.js';
export { type SgdOptions, sgd } from './sgd.js';
export { straightThrough } from './straight-through.js';
export { studentConfig } from './student.js';
export type { StepResult, Task } from './task.js';
export { loadTeacher, type Teacher, type TeacherModel, teacherOf } from './teacher.js';
export { gatherHostRows } from './text-bank.js';
export { readTrainingRecord, type TrainingRecord } from './training-record.js';
export { type TunePromptsOptions, type TunePromptsResult, tunePrompts } from './tune-prompts.js';
export { type TunePromptsRecipe, tunePromptsRecipe } from './tune-prompts-recipe.js';
export {
  type DeepPromptShape,
  initTeacherPrompts,
  promptedTexts,
  type TuneTeacherOptions,
  tuneTeacher,
} from './tune-teacher.js';
export { initVisualStudent, type VisualHead, type VisualStudent, visualStudentFeatures } from './visual-student.js';
export {
  loadVisualStudent,
  type SavedVisualStudent,
  saveVisualStudent,
  visualStudentFile,
} from './visual-student-file.js';
