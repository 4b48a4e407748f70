/**
 * Symbolic tensors that are traced into an ONNX graph, differentiated as a graph, and run by ONNX Runtime; layers on
 * them stand in `nn`.
 *
 * @module promptkd/tensor
 */
export * as nn from '../nn/index.js';
export {
  type CompileOptions,
  compile,
  type Device,
  devices,
  type Feed,
  type Feeds,
  OnnxFile,
  type ProgramInput,
  parseDevice,
  type Runnable,
} from '../runtime/index.js';
export * from '../tensor/index.js';
