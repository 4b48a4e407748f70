import { type Checkpoint, clipLogits, textTower, tokenTable, visionTower } from '../clip/index.js';
import type { ViewBatches } from '../loader/index.js';
import { gatherHostRows, Random } from '../math/index.js';
import { ranksFor, taskShards } from '../model/index.js';
import {
  BatchShare,
  klDivergence,
  ownOf,
  type Params,
  param,
  paramFeeds,
  paramInputs,
  prefixed,
  rowsOf,
} from '../nn/index.js';
import {
  encodePromptTexts,
  type PromptEncoderConfig,
  promptPenalty,
  textPrompts,
  visionPrompts,
} from '../prompt/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { HostTensor, Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';
import type { Task } from '../train/index.js';
import { chooseClasses } from './step-classes.js';
import type { TunePromptsRecipe } from './tune-prompts-recipe.js';

/** The classes of a task as the text tower reads them, through every template. */
export interface TaskTexts {
  /** [templates · N, L] int32, template by template */
  readonly ids: HostTensor;
  /** [templates · N] int32 */
  readonly ends: HostTensor;
  readonly classes: number;
  /** The frozen model's features of the classes [N, P]. */
  readonly frozen: HostTensor<Float32Array>;
}

/** The same images in two views, of several processes each its own; labels are columns of the classes, −1 where none is taken. */
export interface TwoViews {
  readonly weak: ViewBatches;
  readonly strong: ViewBatches;
  /** Of each class's images in the cross-entropy. */
  readonly classWeights: Float32Array;
}

export type TunedPrompts = { readonly params: Params; readonly config: PromptEncoderConfig };

/**
 * Learns a prompt encoder for a frozen model:
 *
 *     loss = CE(z_s, label) + r KL(p₀ ‖ p_w) + a KL(p_w ‖ p_s) + b mean H(p_w) − c H(mean p_w) + λ ‖prompts‖²
 *
 * z are logits of classes, p their softmax, w and s the weak and the strong view. Labels are true ones or pseudo-labels,
 * weighted so that each class counts alike, and the less the fewer of the images have one (FixMatch, Sohn et al., arXiv
 * 2001.07685, with labels that stay); p₀ is what the model answers without prompts, which a few images must not make it
 * forget (Khattak et al., arXiv 2307.06948, section 3.2.1); neither KL has a gradient into its first distribution; the
 * entropies make answers sure and their mean even (Liang et al., arXiv 2002.08546).
 *
 * @throws UserError where the ranks do not divide the model's heads and hidden units
 */
export function tunePromptsTask(
  { config, params }: Pick<Checkpoint, 'config' | 'params'>,
  prompt: TunedPrompts,
  texts: TaskTexts,
  views: TwoViews,
  recipe: Pick<TunePromptsRecipe, 'weights' | 'classes_per_step' | 'seed' | 'recompute'>,
  options: CompileOptions = {},
): Task {
  const [own, channels, size] = views.weak.pixels.shape as [number, number, number];
  const [batch] = views.weak.labels.shape as [number];
  const share = new BatchShare(batch, options.group);
  const [rows, length] = texts.ids.shape as [number, number];
  const tower = { recompute: recipe.recompute, ranks: ranksFor('model', config, options) };
  const chosen = Math.min(recipe.classes_per_step, texts.classes);
  const p = paramInputs(params, 'model/', tower.ranks);
  const learned = paramInputs(prompt.params, 'prompt/');
  const block = share.slice(chosen);
  const ownClasses = rowsOf(block);
  const ids = t.input('ids', [ownClasses, length], 'int32');
  const ends = t.input('ends', [ownClasses], 'int32');
  const pixels = t.input('pixels', [2 * own, channels, size, size]);
  const labels = t.input('labels', [batch], 'int32');
  const weights = t.input('weights', [batch, 1]);

  const shared = param(p, tokenTable);
  // Of all classes: image prompts come from all, and the penalty is over all prompts.
  const read = share.gather(
    encodePromptTexts(learned, prompt.config, ids, ends, sharedEmbedding(prompt.config, shared)),
    [block],
  ); // [N, W]
  const textSide = textPrompts(learned, prompt.config, read);
  const imageSide = visionPrompts(learned, prompt.config, read);
  const worn = textSide.map((prompts) => share.ownRows(prompts, [block]));
  const text = share.gather(textTower(p, config, ids, ends, { prompts: worn, insert: true, ...tower }).embed, [block]); // [N, P]
  // The weak views, then the strong ones.
  const image = share.gather(visionTower(p, config, pixels, { prompts: imageSide, ...tower }).embed, [
    share.images,
    share.images,
  ]); // [2B, P]
  const logits = clipLogits(image, text, param(p, 'logit_scale')); // [2B, N]
  const weak = t.slice(logits, 0, 0, batch); // [B, N]
  const plain = share.gather(
    visionTower(p, config, t.slice(pixels, 0, 0, own), { pooledOnly: true, ranks: tower.ranks }).embed,
  ); // [B, P]
  const frozenTexts = t.input('frozen/texts', [chosen, texts.frozen.shape[1]!]);
  const before = t.stopGradient(clipLogits(plain, frozenTexts, param(p, 'logit_scale'))); // [B, N]
  const strong = t.slice(logits, 0, batch, 2 * batch); // [B, N]

  const surprise = t.neg(t.gatherRows(t.reshape(t.logSoftmax(strong), [batch, chosen, 1]), labels)); // [B, 1]
  const entropy = (probabilities: Tensor, logs: Tensor) => t.neg(t.sum(t.mul(probabilities, logs), [-1]));
  const even = t.mean(t.softmax(weak), [0]); // [N]
  const whole = {
    cross_entropy: t.sum(t.mul(surprise, weights)),
    anchor: klDivergence(weak, before, 1),
    consistency: klDivergence(strong, weak, 1),
    entropy: t.mean(entropy(t.softmax(weak), t.logSoftmax(weak))),
    // log 0 would be −∞ where no image is taken for a class.
    diversity: entropy(even, t.log(t.add(even, 1e-12))),
    penalty: promptPenalty([...textSide, ...imageSide]) ?? t.sum(t.constant({ shape: [1], data: new Float32Array(1) })),
  };
  // Every process computes them from what is gathered.
  const losses = Object.fromEntries(
    Object.entries(whole).map(([name, loss]) => [name, share.whole(loss)]),
  ) as typeof whole;
  const { anchor, consistency, diversity, penalty } = recipe.weights;
  const total = [
    losses.cross_entropy,
    t.mul(losses.anchor, anchor),
    t.mul(losses.consistency, consistency),
    t.mul(losses.entropy, recipe.weights.entropy),
    t.mul(losses.diversity, -diversity),
    t.mul(losses.penalty, penalty),
  ].reduce((a, b) => t.add(a, b));

  const fed = {
    ids: { shape: [ownClasses, length], data: new Int32Array(ownClasses * length) },
    ends: { shape: [ownClasses], data: new Int32Array(ownClasses) },
    pixels: { shape: pixels.shape as number[], data: new Float32Array(2 * own * channels * size * size) },
    labels: { shape: [batch], data: new Int32Array(batch) },
    weights: { shape: [batch, 1], data: new Float32Array(batch) },
    'frozen/texts': {
      shape: frozenTexts.shape as number[],
      data: new Float32Array(t.elements(frozenTexts.sizes('frozen'))),
    },
  };
  return {
    params: paramFeeds(prompt.params, 'prompt/'),
    parameters: prefixed(learned, 'prompt/'),
    losses: { total, ...losses },
    groups: [{ name: 'total', loss: total }],
    frozen: paramFeeds(params, 'model/'),
    async feeds(n) {
      await Promise.all([views.weak.fill(n), views.strong.fill(n)]);
      fed.pixels.data.set(views.weak.pixels.data);
      fed.pixels.data.set(views.strong.pixels.data, views.weak.pixels.data.length);
      const classes = chooseClasses(
        views.weak.labels.data,
        texts.classes,
        chosen,
        new Random(recipe.seed, 'classes', n),
      );
      const random = new Random(recipe.seed, 'templates', n);
      const picked = classes.map((c) => random.int(rows / texts.classes) * texts.classes + c);
      const ownPicked = ownOf(picked, block);
      gatherHostRows(texts.ids.data as Int32Array, length, ownPicked, fed.ids.data);
      gatherHostRows(texts.ends.data as Int32Array, 1, ownPicked, fed.ends.data);
      gatherHostRows(texts.frozen.data, frozenTexts.shape[1] as number, classes, fed['frozen/texts'].data);
      for (const [i, label] of views.weak.labels.data.entries()) {
        fed.labels.data[i] = Math.max(0, classes.indexOf(label));
        fed.weights.data[i] = label < 0 ? 0 : views.classWeights[label]! / batch;
      }
      return fed;
    },
    imagesPerBatch: own,
    split: { ranks: tower.ranks, axis: taskShards },
  };
}

const sharedEmbedding = (config: PromptEncoderConfig, table: Tensor): Tensor | undefined =>
  config.shared_embedding_width === undefined ? undefined : table;
