export type { DefectDataset, DefectImage, DefectMask, Product } from './data/defect-data.js';
export { defectDataKinds, openDefectData, productOf } from './data/open.js';
export { type DefectsRecipe, defectsRecipe } from './defects-recipe.js';
export type { Detector, Learned, Limits, Mode, View } from './detector.js';
export { detectorFolder, loadDetector, saveDetector } from './detector-folder.js';
export { type DefectEvaluation, type DefectGroup, type EvaluateDefectsOptions, evaluateDefects } from './evaluate.js';
export {
  detectorOnnx,
  type ExportCheck,
  type ExportDetectorOptions,
  exportDetector,
  exportFiles,
  type Probe,
  verifyDetector,
} from './export.js';
export { type FitOptions, type Fitted, fitDetector } from './fit.js';
export { heatMap } from './heat-map.js';
export { type Inspection, type Inspector, openInspector } from './inspect.js';
export { aupro, type ScoredMask } from './metrics/aupro.js';
export { type Ranking, rank } from './metrics/ranking.js';
export { defectsExtension } from './serve.js';
export { falseAlarmsAt, mappedScore, type Threshold, thresholdFromSound } from './threshold.js';
export { type FitDefectsOptions, type FitDefectsResult, fitDefects } from './train.js';
export { type Inspected, inspectFile, type WatchOptions, watchFolder } from './watch.js';
