import { tokenizeAll } from '../../clip/index.js';
import type { Skipped } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { gatherHostRows } from '../../math/index.js';
import { modelWeights, type TowerModel, textLimit } from '../../model/index.js';
import { paramFeeds, paramInputs } from '../../nn/index.js';
import { type CompileOptions, compile } from '../../runtime/index.js';
import { elements, type HostTensor, input } from '../../tensor/index.js';
import { patchFeatures } from '../patch-features.js';
import type { Question, VqaDataset } from './data/question.js';
import { questionTokens } from './head/question-tokens.js';

export interface FeatureOptions extends Pick<CompileOptions, 'device' | 'threads'> {
  /** Folder that keeps the images' patch tokens from one run to the next. */
  readonly cache?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (phase: string, done: number, total: number) => void;
}

/** What a frozen model makes of images and questions; each image and each question is computed once. */
export class VqaFeatures {
  private constructor(
    /** [images, P, D] */
    readonly patches: HostTensor<Float32Array>,
    private readonly imageRows: ReadonlyMap<string, number>,
    /** [questions, L, J] */
    readonly words: HostTensor<Float32Array>,
    /** [questions, L] */
    readonly mask: HostTensor<Float32Array>,
    /** Token ids [questions, L], by which two tokenizers are compared. */
    readonly ids: HostTensor<Int32Array>,
    private readonly questionRows: ReadonlyMap<string, number>,
    /** Images that could not be read. */
    readonly skipped: readonly Skipped[],
    /** Questions that are longer than the model reads: their end is not seen. */
    readonly cut: number,
  ) {}

  /**
   * @param layer of the vision tower, from 1
   * @throws UserError where no image can be read
   */
  static async of(
    model: TowerModel,
    { images }: VqaDataset,
    questions: readonly Question[],
    layer: number,
    options: FeatureOptions = {},
  ): Promise<VqaFeatures> {
    const { device, threads, cache, signal, onProgress } = options;
    const wanted = new Set(questions.map(({ image }) => image));
    const examples = Object.values(images.splits)
      .flat()
      .filter(({ id }) => wanted.delete(id));
    const found = await patchFeatures(model, images, examples, {
      ...{ layers: [layer], device, threads, cache, signal },
      onProgress: (done, total) => onProgress?.('images', done, total),
    });
    const texts = [...new Set(questions.map(({ question }) => question))];
    const words = await wordsOf(model, texts, options);
    return new VqaFeatures(
      found.layers[0]!,
      new Map(found.examples.map(({ id }, row) => [id, row])),
      ...words.tensors,
      new Map(texts.map((text, row) => [text, row])),
      found.skipped,
      words.cut,
    );
  }

  /** Whether the question's image could be read. */
  has({ image }: Question): boolean {
    return this.imageRows.has(image);
  }

  /** Feeds for some questions: `patches` [B, P, D], `words` [B, L, J], `mask` [B, L]. The arrays are new where none are given. */
  feeds(questions: readonly Question[], into = this.room(questions.length)): Record<string, HostTensor<Float32Array>> {
    const images = questions.map(({ image }) => this.imageRows.get(image)!);
    const texts = questions.map(({ question }) => this.questionRows.get(question)!);
    gatherHostRows(this.patches.data, rowSize(this.patches), images, into.patches!.data);
    gatherHostRows(this.words.data, rowSize(this.words), texts, into.words!.data);
    gatherHostRows(this.mask.data, rowSize(this.mask), texts, into.mask!.data);
    return into;
  }

  /** Arrays that {@link feeds} fills, for so many questions. */
  room(count: number): Record<string, HostTensor<Float32Array>> {
    const empty = (of: HostTensor): HostTensor<Float32Array> => ({
      shape: [count, ...of.shape.slice(1)],
      data: new Float32Array(count * rowSize(of)),
    });
    return { patches: empty(this.patches), words: empty(this.words), mask: empty(this.mask) };
  }
}

const rowSize = ({ shape }: HostTensor) => elements(shape.slice(1));

/** Questions at a time. */
const block = 64;

async function wordsOf(
  model: TowerModel,
  texts: readonly string[],
  { device, threads, signal, onProgress }: FeatureOptions,
) {
  const { ids, length } = tokenizeAll(model.tokenizer, texts, textLimit(model));
  const special = model.tokenizer.encode([''], 2).eos[0]! + 1; // start and end token
  const cut = texts.filter((text) => model.tokenizer.tokens(text).length + special > textLimit(model)).length;
  const weights = modelWeights(model);
  const fed = input('ids', [block, length], 'int32');
  const { words, mask } = questionTokens(paramInputs(weights), model, fed);
  const program = await compile({ outputs: { words, mask } }, { device, threads, fixed: paramFeeds(weights) });
  const width = words.shape[2] as number;
  const all = { words: new Float32Array(texts.length * length * width), mask: new Float32Array(texts.length * length) };
  const some = { shape: [block, length], data: new Int32Array(block * length) };
  try {
    for (let from = 0; from < texts.length; from += block) {
      signal?.throwIfAborted();
      const count = Math.min(block, texts.length - from);
      some.data.set(ids.subarray(from * length, (from + count) * length));
      const made = await program.run({ ids: some });
      all.words.set((made.words!.data as Float32Array).subarray(0, count * length * width), from * length * width);
      all.mask.set((made.mask!.data as Float32Array).subarray(0, count * length), from * length);
      onProgress?.('questions', from + count, texts.length);
      // The runtime blocks this thread: let Ctrl-C and progress through.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await program.dispose();
  }
  if (!all.words.every(Number.isFinite)) {
    throw new UserError('the model gives text features that are not finite numbers: its weights are broken');
  }
  const tensors = [
    { shape: [texts.length, length, width], data: all.words },
    { shape: [texts.length, length], data: all.mask },
    { shape: [texts.length, length], data: ids },
  ] as const satisfies readonly HostTensor[];
  return { tensors, cut };
}
