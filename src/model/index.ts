export { largestLogitScale } from './logit-scale.js';
export { type EvaluatedModel, type EvaluatedPair, loadModel, loadModelOrPair, logitFactor } from './model.js';
export { initProjector, projector } from './projector.js';
export { type PromptedTeacher, type TeacherImages, teacherImages, teacherTextFeatures } from './prompted-teacher.js';
export { ranksFor, taskShards } from './ranks.js';
export { type DeepPromptShape, initTeacherPrompts, promptedTexts } from './teacher-prompts.js';
export { templateFeatures } from './template-features.js';
export { type Towers, visionSide } from './vision-side.js';
export { initVisualStudent, type VisualHead, type VisualStudent, visualStudentFeatures } from './visual-student.js';
export {
  loadVisualStudent,
  type SavedVisualStudent,
  saveVisualStudent,
  visualStudentFile,
} from './visual-student-file.js';
