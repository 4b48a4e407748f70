export { bytesOf, dtypeOf } from './dtype.js';
export { grad } from './grad.js';
export { inputsOf } from './inputs-of.js';
export { linearInputs } from './linear-inputs.js';
export { matrixOf, tensorOf } from './matrices.js';
export { emitGraph, type OnnxModel, type OnnxOptions, toOnnx } from './onnx.js';
export type { HalfTensor, OnnxEmitter, StoredTensor } from './onnx-emitter.js';
export { type LoopedModel, toOnnxLoop } from './onnx-loop.js';
export { gelu, geluTanh, quickGelu, softplus } from './ops/activation.js';
export { copyToRanks, sumOverProcesses, sumOverRanks } from './ops/all-reduce.js';
export {
  abs,
  add,
  cast,
  div,
  equal,
  erf,
  exp,
  greater,
  log,
  maximum,
  minimum,
  mul,
  neg,
  type Operand,
  pow,
  relu,
  sigmoid,
  sqrt,
  square,
  sub,
  tanh,
  where,
} from './ops/arithmetic.js';
export { expand, repeatBatch, sum } from './ops/broadcasting.js';
export { firstRows, gather, gatherRows, gatherTokens } from './ops/gather.js';
export { bilinearMatrix, interpolateGrid, interpolateImages } from './ops/interpolate.js';
export { concat, pad, reshape, slice, transpose } from './ops/layout.js';
export { linear, type MatmulOptions, matmul } from './ops/matmul.js';
export { l2Normalize, layerNorm, logSoftmax, softmax } from './ops/normalize.js';
export { argMax, positions } from './ops/positions.js';
export { max, mean } from './ops/reduce.js';
export { emptyPack, fillPack, type Pack, pack, packed } from './packs.js';
export { type Precision, precisions } from './precision.js';
export { recomputed } from './recompute.js';
export { broadcastShapes, elements } from './shape.js';
export { type Stage, type StagedGraph, type StageSum, stagesOf } from './stages.js';
export {
  constant,
  type Dim,
  type DType,
  formatShape,
  type HostTensor,
  input,
  type Shape,
  stopGradient,
  Tensor,
  withGradient,
} from './tensor.js';
