export {
  type Checkpoint,
  type ClipWeights,
  loadCheckpoint,
  loadWeights,
  saveCheckpoint,
  saveDescription,
} from './checkpoint/checkpoint.js';
export { resolveCheckpoint, resolveModel } from './checkpoint/hub.js';
export type { DownloadOptions, DownloadProgress } from './checkpoint/hub-cache.js';
export { type Dtype, dtypes, suffixes } from './checkpoint/onnx-dtypes.js';
export { isOnnxPair, loadOnnxPair, OnnxPair, type OnnxPairOptions, onnxFolder } from './checkpoint/onnx-pair.js';
export { fromOpenClip } from './checkpoint/openclip.js';
export { parseOpenClipConfig } from './checkpoint/openclip-config.js';
export { checkParams, expectedParams } from './checkpoint/params.js';
export { regridKernel, regridPositions, withImageSize, withTextLength } from './checkpoint/regrid.js';
export { shippedModel } from './checkpoint/shipped-model.js';
export { type NamedVariant, splitVariant } from './checkpoint/variant-name.js';
export { quantizationRecord, quantizedFile, weightFiles } from './checkpoint/weight-files.js';
export { type ClipConfig, clipConfigJson, isSiglip, parseClipConfig } from './config.js';
export { embeddingOutput, embeddingOutputs, type Family, families, familyOf, scoringOf } from './family.js';
export { imageError, MAX_PIXELS, normalizePixels, resizeAndCrop } from './preprocess/pixels.js';
export { clipPreprocess, type PreprocessConfig, preprocessAt } from './preprocess/preprocess-config.js';
export { parsePreprocessConfig, preprocessConfigJson } from './preprocess/processor-config.js';
export { resizePixels } from './preprocess/resize.js';
export { trainTokenizer } from './tokenizer/bpe-trainer.js';
export { clipTokenizerJson, type TokenizerJson } from './tokenizer/clip-tokenizer.js';
export { type CutTokenizer, cutTokenizer } from './tokenizer/cut-tokenizer.js';
export { loadTokenizer } from './tokenizer/load-tokenizer.js';
export { type TokenizedTexts, tokenizeAll } from './tokenizer/tokenize-all.js';
export { type Tokenizer, tokenizerFromJson, vocabulary, withTokenizer } from './tokenizer/tokenizer.js';
export { endPositions, eosPositions } from './towers/eos.js';
export { fitPixels } from './towers/fit-pixels.js';
export { initClip } from './towers/initialise.js';
export { clipLogits } from './towers/similarity.js';
export { fullTexts, type TextOptions, textTower } from './towers/text.js';
export { runTextBlocks, textBlockInputs } from './towers/text-blocks.js';
export { tokenProjection, tokenTable, wholeTokenTable } from './towers/token-table.js';
export type { TowerResult, VisionResult } from './towers/tower.js';
export { patchGrid, type VisionOptions, visionTower } from './towers/vision.js';
