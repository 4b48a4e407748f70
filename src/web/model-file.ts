import type { PreprocessConfig } from '../clip/browser.js';

/** One encoder as the page loads it. */
export interface EncoderFile {
  /** Relative to the page. */
  readonly file: string;
  /** As Transformers.js names it: `fp32`, `fp16`, `q8`, `q4` … */
  readonly dtype: string;
  readonly bytes: number;
}

/** `model/model.json`: what the page must know about the model that it runs. */
export interface ModelFile {
  readonly title: string;
  readonly preprocess: PreprocessConfig;
  /** Joint dimensions. */
  readonly width: number;
  /** Tokens a text is padded to. */
  readonly textLength: number;
  /** ln of the factor on cosines. */
  readonly logitScale: number;
  /** Of a SigLIP: what is added to them. Its answers are decisions for each class by itself. */
  readonly logitBias?: number;
  /** Texts of a class, `{}` or `[OBJ]` standing for its name. */
  readonly templates: readonly string[];
  /** Of the templates in a class's mean; without them all weigh alike. */
  readonly weights?: readonly number[];
  readonly vision: EncoderFile;
  readonly text: EncoderFile;
  /** Classes whose text features lie ready in `model/classifier.bin`, [classes, width] float32 little endian. */
  readonly classes?: readonly string[];
  /** Class names that stand in the page's field at first. */
  readonly suggested: readonly string[];
  /** Sample images of the model's data, relative to the page. */
  readonly samples: readonly string[];
  /** Of a head that answers questions, where the page has one. */
  readonly vqa?: {
    readonly answers: readonly string[];
    /** Tokens that a question is padded to. */
    readonly textLength: number;
  };
  /** Bytes of every file that the page fetches while it loads, by its path. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** ONNX Runtime's binaries, gzipped: hardly any file server compresses WebAssembly. */
export const runtimeFiles = {
  wasm: 'ort/ort-wasm-simd-threaded.wasm.gz',
  webgpu: 'ort/ort-wasm-simd-threaded.asyncify.wasm.gz',
} as const;

/** The model's files within the page's folder. */
export const modelFiles = {
  about: 'model/model.json',
  vision: 'model/vision.onnx',
  text: 'model/text.onnx',
  tokenizer: 'model/tokenizer.json',
  tokenizerSettings: 'model/tokenizer_config.json',
  classifier: 'model/classifier.bin',
  vqaVision: 'model/vqa_vision.onnx',
  vqaHead: 'model/vqa_head.onnx',
} as const;
