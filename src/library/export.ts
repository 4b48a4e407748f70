/**
 * Models for Transformers.js, ONNX Runtime and PyTorch; quantisation and its weight formats; the page.
 *
 * @module promptkd/export
 */
export {
  type BankExportOptions,
  type ExportOptions,
  type ExportResult,
  exportBank,
  exportModel,
  type FinetuneOptions,
  type LeftOut,
  type MixtureName,
  type ModelCard,
  mixtures,
  planQuantize,
  type QuantizedDtype,
  type QuantizeModelOptions,
  type QuantizeModelResult,
  type QuantizePhase,
  quantizeModel,
  type Rounding,
  roundings,
  type Sensitivity,
} from '../compress/index.js';
export { type PageOptions, type PageResult, sampleImages, writePage } from '../web/index.js';
export {
  type CodedScheme,
  dequantize,
  type GridOptions,
  type QuantizedFile,
  type QuantizedTensor,
  quantizeTensor,
  readQuantized,
  type Scales,
  type Scheme,
  schemes,
  storedBytes,
  writeQuantized,
} from '../weight-formats/index.js';
