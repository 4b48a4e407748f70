import { type Tokenizer, tokenTable as table, tokenizeAll } from '../clip/index.js';
import { UserError } from '../errors.js';
import type { Rows } from '../math/index.js';
import { type Model, modelLogits, textFeatures, textLimit } from '../model/index.js';
import { paramFeeds, paramInputs } from '../nn/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import * as t from '../tensor/index.js';
import * as promptSearch from './selection/index.js';

/** Labelled images, as the gradient's loss sees them. */
export interface GradientImages {
  /** Unit rows; the first `labels.length` are used. */
  readonly rows: Rows;
  /** For each image, the column of its class. */
  readonly labels: readonly number[];
}

/**
 * Gradients for `tokenSearch`: of the cross-entropy of images against a template's class texts, by the embeddings of the
 * template's words.
 */
export class TokenGradients {
  readonly vocabulary: promptSearch.Vocabulary;
  private readonly model;

  /** @throws UserError for ONNX files, and for a model with prompts of its own, which depend on the whole text */
  constructor(
    model: Model,
    private readonly names: readonly string[],
    private readonly images: GradientImages,
    private readonly options: CompileOptions,
  ) {
    if (model.encoders || model.prompts || model.projector) {
      throw new UserError('--tokens: expected a CLIP checkpoint without learned prompts: leave it out for this model');
    }
    this.model = model;
    this.vocabulary = wordsOf(model.tokenizer, model.params[table]!);
  }

  /** @returns for each word, its gradient [width]; zeros for one that a class text has no room for */
  async of(template: promptSearch.WordTemplate): Promise<Float32Array[]> {
    const { params, tokenizer } = this.model;
    const { names, images } = this;
    const texts = names.map((name) => promptSearch.templateText(template).replace('{}', () => name));
    const { ids, ends, length } = tokenizeAll(tokenizer, texts, textLimit(this.model));
    const width = params[table]!.shape[1]!;
    const count = images.labels.length;

    // Every token of every text has an embedding of its own: their gradients then stay apart.
    const tokens = t.input('tokens', [texts.length * length, width]);
    const places = t.constant({ shape: [texts.length, length], data: Int32Array.from(ids, (_, i) => i) });
    const { [table]: _, ...rest } = params;
    const p = { ...paramInputs(rest), [table]: tokens };
    const text = textFeatures(p, this.model, places, t.input('ends', [texts.length], 'int32'));
    const logits = modelLogits(p, t.input('images', [count, images.rows.width]), text);
    const labels = t.input('labels', [count], 'int32');
    const chosen = t.gatherRows(t.reshape(t.logSoftmax(logits), [count, texts.length, 1]), labels);
    const [gradient] = t.grad(t.neg(t.mean(chosen)), [tokens]);
    const program = await compile({ outputs: { gradient: gradient! } }, this.options);
    try {
      const embedded = new Float32Array(texts.length * length * width);
      const embeddings = params[table]!.data as Float32Array;
      for (const [i, id] of ids.entries()) {
        embedded.set(embeddings.subarray(id * width, (id + 1) * width), i * width);
      }
      const result = await program.run({
        ...paramFeeds(rest),
        tokens: { shape: [texts.length * length, width], data: embedded },
        ends: { shape: [texts.length], data: ends },
        images: { shape: [count, images.rows.width], data: images.rows.data.subarray(0, count * images.rows.width) },
        labels: { shape: [count], data: Int32Array.from(images.labels) },
      });
      return this.summed(template, result.gradient!.data as Float32Array, ends, length, width);
    } finally {
      await program.dispose();
    }
  }

  /**
   * Sums over the class texts, at each word's first token: counted from the front before the class name, from the end
   * behind it.
   */
  private summed(
    { before, after }: promptSearch.WordTemplate,
    gradient: Float32Array,
    ends: Int32Array,
    length: number,
    width: number,
  ): Float32Array[] {
    const sizes = (words: readonly string[]) => words.map((word) => this.model.tokenizer.tokens(word).length);
    const [front, back] = [sizes(before), sizes(after)];
    const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    const ofWord = (placeIn: (end: number) => number) => {
      const sum = new Float32Array(width);
      for (const [text, end] of ends.entries()) {
        const place = placeIn(end);
        // A text that was cut has lost its last words.
        if (place <= 0 || place >= end) continue;
        for (let k = 0; k < width; k++) sum[k]! += gradient[(text * length + place) * width + k]!;
      }
      return sum;
    };
    return [
      ...before.map((_, i) => ofWord(() => 1 + total(front.slice(0, i)))),
      ...after.map((_, i) => ofWord((end) => end - total(back.slice(i)))),
    ];
  }
}

/** Words of letters that are one token. */
function wordsOf(tokenizer: Tokenizer, { data, shape }: t.HostTensor): promptSearch.Vocabulary {
  const [, width] = shape as [number, number];
  const found = Object.entries(tokenizer.json.model.vocab).flatMap(([token, id]) => {
    const word = token.replace('</w>', '');
    if (!token.endsWith('</w>') || !/^[a-z]+$/.test(word)) return [];
    const ids = tokenizer.tokens(word);
    return ids.length === 1 && ids[0] === id ? [{ word, id }] : [];
  });
  const embeddings = new Float32Array(found.length * width);
  for (const [i, { id }] of found.entries()) {
    embeddings.set((data as Float32Array).subarray(id * width, (id + 1) * width), i * width);
  }
  return { words: found.map(({ word }) => word), embeddings, width };
}
