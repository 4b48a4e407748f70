export { type Cvpr2024Run, type Cvpr2024RunOptions, cvpr2024 } from './cvpr2024.js';
export { type Cvpr2024Recipe, cvpr2024Recipe } from './cvpr2024-recipe.js';
export {
  type Cvpr2024Seed,
  type Cvpr2024Seeds,
  type Cvpr2024SeedsOptions,
  cvpr2024Seeds,
  type Transfer,
} from './cvpr2024-seeds.js';
export {
  type Cvpr2024Options,
  type Cvpr2024Task,
  cvpr2024Task,
  type ImageBatches,
  type TeacherClasses,
} from './cvpr2024-task.js';
export { type Beyond, evaluateBeyond } from './evaluate-beyond.js';
export { type Cvpr2024Measured, type Cvpr2024Models, evaluateCvpr2024, evaluateTransfer } from './evaluate-cvpr2024.js';
export { fitCvpr2024 } from './fit-recipe.js';
export { liveBatches, storedBatches } from './image-batches.js';
export { planCvpr2024 } from './plan.js';
export { type TuneTeacherOptions, tuneTeacher } from './tune-teacher.js';
