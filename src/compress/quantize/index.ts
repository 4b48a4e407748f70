export type { FinetuneOptions } from './finetune.js';
export { type MixtureName, mixtures } from './mixture.js';
export type { LeftOut, QuantizedDtype } from './onnx-variants.js';
export { planQuantize } from './plan.js';
export { type Rounding, roundings } from './quantize.js';
export {
  type QuantizeModelOptions,
  type QuantizeModelResult,
  type QuantizePhase,
  quantizeModel,
} from './quantize-model.js';
export type { Sensitivity } from './sensitivity.js';
