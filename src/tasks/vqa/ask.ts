import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { loadTokenizer, type PreprocessConfig, parsePreprocessConfig, type Tokenizer } from '../../clip/index.js';
import { decodeImage } from '../../data/index.js';
import { checkFiles, readJson, readJsonAs } from '../../files/index.js';
import { modelPixels } from '../../loader/index.js';
import type { TowerModel } from '../../model/index.js';
import { type CompileOptions, OnnxFile } from '../../runtime/index.js';
import type { HostTensor } from '../../tensor/index.js';
import { checkedQuestion } from './checked-question.js';
import { type VqaGraphName, vqaOnnx } from './export/vqa-graphs.js';
import { vqaManifest, vqaManifestFile } from './export/vqa-manifest.js';
import { answerColumns, checkHeadModel, type VqaHead } from './head/vqa-head.js';
import { type RankedAnswer, rankAnswers } from './rank-answers.js';

/** Options of {@link VqaAsker}. */
export interface AskerOptions extends Pick<CompileOptions, 'threads'> {
  /** Images of more pixels are refused. @defaultValue 100 million */
  readonly maxPixels?: number;
  /** Images whose features are kept. @defaultValue 64 */
  readonly keptImages?: number;
}

/** What is asked of an image. */
export interface Asked {
  readonly question: string;
  /** How many of the likeliest answers are given. @defaultValue 5 */
  readonly top?: number;
  /** Answers to choose from; left out: all that the head knows. */
  readonly answers?: readonly string[];
}

/** The likeliest answer, and others beside it. */
export interface VqaAnswer extends RankedAnswer {
  readonly top: readonly RankedAnswer[];
  /** Whether the image's features were there already. */
  readonly cached: boolean;
}

/**
 * A head that answers one question after another, by the graphs that its export has. The features of the last images are
 * kept: a second question about one costs the head alone.
 *
 * @example
 * import { readFile } from 'node:fs/promises';
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('promptkd:emoji-student', 'vqa');
 * const asker = await VqaAsker.open(model, loadVqaHead('runs/vqa'));
 * const { answer, confidence } = await asker.ask(await readFile('cat.png'), { question: 'how many cats?' });
 * await asker.close();
 */
export class VqaAsker {
  private readonly kept: LRUCache<string, HostTensor<Float32Array>>;

  private constructor(
    private readonly vision: OnnxFile,
    private readonly head: OnnxFile,
    private readonly known: { readonly answers: readonly string[]; readonly textTokens: number },
    private readonly model: { readonly preprocess: PreprocessConfig; readonly tokenizer: Tokenizer },
    private readonly maxPixels: number | undefined,
    keptImages: number,
  ) {
    this.kept = new LRUCache({ max: keptImages });
  }

  /**
   * Opens a head on the model that it was trained on.
   *
   * @throws UserError where the head was trained on another model
   */
  static async open(model: TowerModel, head: VqaHead, options: AskerOptions = {}): Promise<VqaAsker> {
    checkHeadModel(head, model);
    const { threads, maxPixels, keptImages = 64 } = options;
    const vision = await OnnxFile.open(vqaOnnx('vqa_vision', model, head, 'fp32'), { threads });
    const answers = await OnnxFile.open(vqaOnnx('vqa_head', model, head, 'fp32'), { threads });
    const known = { answers: head.answers, textTokens: head.config.text_tokens };
    return new VqaAsker(vision, answers, known, model, maxPixels, keptImages);
  }

  /**
   * Opens the files that `exportVqa` wrote.
   *
   * @throws UserError where they cannot be read
   */
  static async fromExport(folder: string, options: AskerOptions = {}): Promise<VqaAsker> {
    const { threads, maxPixels, keptImages = 64 } = options;
    const about = await readJsonAs(join(folder, vqaManifestFile), vqaManifest);
    await checkFiles(folder, () => true);
    const model = {
      tokenizer: await loadTokenizer(folder),
      preprocess: parsePreprocessConfig(await readJson(join(folder, 'preprocessor_config.json')), folder),
    };
    const file = (name: VqaGraphName) => OnnxFile.open(join(folder, 'onnx', `${name}.onnx`), { threads });
    const known = { answers: about.answers, textTokens: about.text_tokens };
    return new VqaAsker(await file('vqa_vision'), await file('vqa_head'), known, model, maxPixels, keptImages);
  }

  /** What it can answer. */
  get answers(): readonly string[] {
    return this.known.answers;
  }

  /**
   * Answers a question about an image.
   *
   * @param image an image file's bytes
   * @throws UserError for an empty or too long question, an answer that the head does not know, or an image that cannot be
   *   read
   */
  async ask(image: Uint8Array, { question, top = 5, answers }: Asked): Promise<VqaAnswer> {
    const text = checkedQuestion(question);
    const columns = answers && answerColumns(this.known, answers);
    const name = createHash('sha256').update(image).digest('base64');
    const before = this.kept.get(name);
    const patches = before ?? (await this.patchesOf(image));
    if (!before) this.kept.set(name, patches);
    const { textTokens: length } = this.known;
    const { ids } = this.model.tokenizer.encode([text], length);
    const { logits } = await this.head.run({ patch_tokens: patches, input_ids: { shape: [1, length], data: ids } });
    const ranked = rankAnswers(logits!.data, this.known.answers, columns);
    return { ...ranked[0]!, top: ranked.slice(0, top), cached: before !== undefined };
  }

  private async patchesOf(image: Uint8Array): Promise<HostTensor<Float32Array>> {
    const { preprocess } = this.model;
    const decoded = await decodeImage(image, 'image', { maxPixels: this.maxPixels, longest: Number.POSITIVE_INFINITY });
    const { size } = preprocess;
    const pixels = { shape: [1, 3, size, size], data: modelPixels(decoded, preprocess, 'image') };
    return (await this.vision.run({ pixel_values: pixels })).patch_tokens!;
  }

  /** Frees the graphs. */
  async close(): Promise<void> {
    await Promise.all([this.vision.dispose(), this.head.dispose()]);
  }
}
