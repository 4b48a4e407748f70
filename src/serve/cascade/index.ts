export { accuracyOf, calibrationError } from './calibration.js';
export {
  type Answer,
  type Cascade,
  type CascadeOptions,
  type CascadeStage,
  type ClassifyOptions,
  cascade,
  type Stage,
} from './cascade.js';
export { readCascade, type SavedCascade, type SavedStage, writeCascade } from './cascade-file.js';
export { argMax, type Confidence, checkThreshold, confidenceOf, confidences } from './confidence.js';
export { classRows, encoderStage, logitRows, type StageClasses } from './encoder-stage.js';
export { RemoteModel, type RemoteOptions } from './http-stage.js';
export { type MeasureOptions, measureStages, stageTemplates } from './measure.js';
export { remoteModel } from './remote-model.js';
export {
  type CascadeFigures,
  calibrationOf,
  cascadeFigures,
  fitTemperatures,
  latencyMeaning,
  type MeasuredStage,
  type Target,
  type Tuned,
  thresholdCurve,
  tuneCascade,
} from './tune.js';
