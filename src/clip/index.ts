export { trainTokenizer } from './bpe-trainer.js';
export {
  type Checkpoint,
  type ClipWeights,
  loadCheckpoint,
  loadWeights,
  saveCheckpoint,
  saveDescription,
} from './checkpoint.js';
export { clipTokenizerJson, type TokenizerJson } from './clip-tokenizer.js';
export { type ClipConfig, clipConfigJson, isSiglip, parseClipConfig } from './config.js';
export { embeddingOutput, embeddingOutputs } from './embedding-outputs.js';
export { endPositions, eosPositions } from './eos.js';
export { resolveCheckpoint, resolveModel } from './hub.js';
export type { DownloadOptions, DownloadProgress } from './hub-cache.js';
export { initClip } from './initialise.js';
export { loadTokenizer } from './load-tokenizer.js';
export { type Dtype, dtypes, suffixes } from './onnx-dtypes.js';
export { isOnnxPair, loadOnnxPair, OnnxPair, type OnnxPairOptions, onnxFolder } from './onnx-pair.js';
export { fromOpenClip, parseOpenClipConfig } from './openclip.js';
export { checkParams, expectedParams } from './params.js';
export { MAX_PIXELS, normalizePixels } from './pixels.js';
export { preprocessImage } from './preprocess.js';
export {
  clipPreprocess,
  type PreprocessConfig,
  parsePreprocessConfig,
  preprocessAt,
  preprocessConfigJson,
} from './preprocess-config.js';
export { resizePixels } from './resize.js';
export { clipLogits } from './similarity.js';
export { fullTexts, type TextOptions, textTower } from './text.js';
export { runTextBlocks, textBlockInputs } from './text-blocks.js';
export { type TokenizedTexts, tokenizeAll } from './tokenize-all.js';
export { type Tokenizer, tokenizerFromJson, vocabulary, withTokenizer } from './tokenizer.js';
export type { TowerResult } from './tower.js';
export { type NamedVariant, splitVariant } from './variant-name.js';
export { patchGrid, type VisionOptions, visionTower } from './vision.js';
export { quantizationRecord, quantizedFile, weightFiles } from './weight-files.js';
