export type { DefectDataset, DefectImage, DefectMask, Product } from './data/defect-data.js';
export { defectDataKinds, openDefectData, productOf } from './data/open.js';
export type { Detector, Learned, Limits, Mode, View } from './detector.js';
export { detectorFolder, loadDetector, saveDetector } from './detector-folder.js';
export { type DefectEvaluation, type DefectGroup, type EvaluateDefectsOptions, evaluateDefects } from './evaluate.js';
export { type FitOptions, type Fitted, fitDetector } from './fit.js';
export { aupro, type ScoredMask } from './metrics/aupro.js';
export { type Ranking, rank } from './metrics/ranking.js';
export { type Threshold, thresholdFromSound } from './threshold.js';
