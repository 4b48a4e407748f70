/**
 * Tasks on a frozen model beyond classes and captions, and the patch features that they are made from.
 *
 * @module promptkd/tasks
 */
export {
  aupro,
  type DefectDataset,
  type DefectEvaluation,
  type DefectGroup,
  type DefectImage,
  type DefectMask,
  type Detector,
  defectDataKinds,
  type EvaluateDefectsOptions,
  evaluateDefects,
  type FitOptions,
  type Fitted,
  fitDetector,
  loadDetector,
  openDefectData,
  type PatchChoice,
  type PatchEncoder,
  type PatchFeatures,
  type PatchFeaturesOptions,
  type PatchTokens,
  type Product,
  patchEncoder,
  patchFeatures,
  patchTokens,
  productOf,
  type Ranking,
  rank,
  type ScoredMask,
  saveDetector,
  type Threshold,
  thresholdFromSound,
} from '../tasks/index.js';
