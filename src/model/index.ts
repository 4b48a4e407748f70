export { classifierFile, readClassifier } from './class-vectors.js';
export {
  type ImageEncoder,
  type ImageEncoderOptions,
  imageEncoder,
  type TextEncoder,
  textEncoder,
} from './encoders.js';
export {
  type ExportGraph,
  exportGraph,
  type GraphName,
  graphNames,
  graphsOf,
  unmaskedIds,
  withEndToken,
} from './export-graphs.js';
export { exportedPrompts, foldVisionPrompts, promptTokens, type VisionPrompts } from './fold.js';
export { type GraphModel, imageFeatures, modelLogits, textFeatures, textPass, visionPass } from './graphs.js';
export { checkPrompts, hasTextRoom, textLimit, textRoom } from './limits.js';
export {
  checkpointFolder,
  type LoadOptions,
  loadModel,
  loadModelCheckpoint,
  loadTowerModel,
  modelFolder,
  openEncoders,
  type RunModelOptions,
  runModels,
  trainingOf,
} from './load.js';
export { logitBounds } from './logit-scale.js';
export {
  type ClassVectors,
  type DeepPrompts,
  type EncoderModel,
  logitBias,
  logitFactor,
  type Model,
  type ModelSource,
  type TowerModel,
  withTowers,
} from './model.js';
export { fillModelFolder, modelParts } from './model-folder.js';
export { initProjector, projector } from './projector.js';
export {
  type PromptedTeacher,
  type TeacherImages,
  teacherImages,
  teacherPrompts,
  teacherTextFeatures,
} from './prompted-teacher.js';
export { ranksFor, taskShards } from './ranks.js';
export { saveModel, writeModel } from './save.js';
export { servingEncoders } from './serving-encoders.js';
export { type DeepPromptShape, initTeacherPrompts, promptedTexts } from './teacher-prompts.js';
export { templateFeatures } from './template-features.js';
export { readTrainingRecord, type TrainingRecord, trainingFile, writeTrainingRecord } from './training-record.js';
export { usualTemplates } from './usual-templates.js';
export {
  initVisualStudent,
  type VisualHead,
  type VisualStudent,
  visualModel,
  visualStudentFeatures,
} from './visual-student.js';
export { visualStudentFile } from './visual-student-file.js';
export { modelFingerprint, modelWeights, PARTS, parameterCount, partOf, withWeights } from './weights.js';
export { withWholeTokens } from './whole-tokens.js';
