export {
  type AdaptedRecipe,
  type AdaptOptions,
  adaptRecipe,
  type Preset,
  presets,
  type StudentWish,
} from './adapt-recipe.js';
export { adviceOf, type Outcome } from './advice.js';
export type { Batches } from './batches/batches.js';
export { type BatchSource, openBatches, type TargetOptions } from './batches/open-batches.js';
export { type DerivedRecipe, type DeriveOptions, deriveRecipe } from './derive-recipe.js';
export { type DistillResult, type DistillValidation, distill } from './distill.js';
export { type ExtractResult, extractTargets } from './extract.js';
export type { Fusion } from './fusion/fusion.js';
export { type FusionFigures, type MeasuredImages, measureFusion } from './fusion/measure.js';
export { type AttentionPair, attentionLoss } from './losses/attention-loss.js';
export {
  type Answers,
  type ComparedLogits,
  comparedLogits,
  fixedScale,
  type LogitParts,
} from './losses/compared-logits.js';
export { crossModalLoss, studentCrossMap, teacherCrossMap } from './losses/cross-modal.js';
export { type FeaturePair, featureLoss } from './losses/feature-loss.js';
export { headShardAxis, type LossName, losses as distillLosses } from './losses/index.js';
export type { LayerPair } from './losses/layer-map.js';
export type {
  FusedAnswers,
  HeadModels,
  Loss,
  LossContext,
  LossRequirements,
  LossSettings,
  OtherContext,
  StoredStates,
} from './losses/loss.js';
export { responseLoss } from './losses/response-loss.js';
export { type LossSwitch, lossSwitches } from './losses/switches.js';
export { phasesOf, stepsOf, withEpochSteps } from './phases.js';
export { planDistill } from './plan.js';
export type { DistillOptions } from './prepare.js';
export { type DistillRecipe, distillRecipe } from './recipe.js';
export { type InheritOptions, inherit } from './student/inherit.js';
export { principalStreams, type TrainingData } from './student/principal-streams.js';
export { importantStreams, type Streams } from './student/residual-stream.js';
export { studentConfig } from './student/student.js';
export { type StudentSize, studentSizes } from './student/student-size.js';
export { withinLatency } from './student/within-latency.js';
export { type ExtractOptions, ensureTargets } from './targets/extract-targets.js';
export type { TargetStore } from './targets/target-store.js';
export {
  type InnerStates,
  loadTeacher,
  type Teacher,
  type TeacherImagePass,
  type TeacherModel,
  type TeacherOptions,
  type TeacherTexts,
  teacherOf,
} from './teacher/teacher.js';
export { adaptorNames, withAdaptor } from './teachers/adaptors.js';
export { type FusionRule, fusionRules } from './teachers/fusion-rules.js';
export { type TimedWork, timeWork } from './timed-work.js';
