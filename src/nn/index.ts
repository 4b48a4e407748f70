export { type AttentionOptions, type AttentionResult, type Prefix, selfAttention } from './attention.js';
export {
  type BatchStatistics,
  batchNormLayer,
  batchStatistics,
  movedRunning,
  runningStatistics,
} from './batch-norm.js';
export { BatchShare, ownOf, rowsOf } from './batch-share.js';
export { binaryKlDivergence } from './binary-kl-divergence.js';
export { crossEntropy } from './cross-entropy.js';
export { FreshParams } from './fresh-params.js';
export { headAverage, renormalizeRows } from './head-average.js';
export { klDivergence } from './kl-divergence.js';
export { type Activation, activations, layerNormLayer, linearLayer, mlp } from './layers.js';
export { ParamShapes } from './param-shapes.js';
export { copyParams, type Params, param, paramFeeds, paramInputs, prefixed, type TensorTree } from './params.js';
export { shardAxis } from './shard-axis.js';
export { sigmoidCrossEntropy } from './sigmoid-cross-entropy.js';
export { subset } from './subset.js';
export { intoRanks } from './tensor-parallel.js';
export {
  type BlockOptions,
  type EncoderOptions,
  type EncoderResult,
  encoder,
  transformerBlock,
} from './transformer.js';
