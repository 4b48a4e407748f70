import { type Anchor, type Bank, mixedPrompts, mixtureOf, orthogonality, taskTextFeatures } from '../bank/index.js';
import { clipLogits } from '../clip/index.js';
import type { Slice } from '../group/index.js';
import { gatherHostRows, Random } from '../math/index.js';
import { imageFeatures, modelWeights, textFeatures } from '../model/index.js';
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
  type TensorTree,
} from '../nn/index.js';
import { deepPrompts } from '../prompt/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { HostTensor, Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';
import type { Task } from '../train/index.js';
import { chooseClasses } from '../tune-prompts/index.js';
import { ewcPenalty } from './ewc-penalty.js';
import { fixedWeights } from './learned-weights.js';
import type { ContinueRecipe } from './recipe.js';

/** Images of a step: the task's own first, then those of earlier tasks. */
export interface TaskImages {
  /** The process's own of both [b + r, 3, S, S], overwritten by the next step. */
  readonly pixels: HostTensor<Float32Array>;
  /** For each image the place of its class in the pool, −1 where it is not known [B + R]. */
  readonly labels: Int32Array;
  /** B */
  readonly own: number;
  /** Which of the task's images are the process's own, and which of the earlier ones where there are some. */
  readonly slices: readonly Slice[];
  /** Fills both with the images of a step, which depend on seed and step alone. */
  fill(step: number): Promise<void>;
  /** A teacher's logits of the own images for classes of the pool, row by row into `into` [B, classes]. */
  teach?(classes: readonly number[], into: Float32Array): void;
}

/** All classes that a step may look at. */
export interface ClassPool {
  readonly names: readonly string[];
  /** Places of the classes that answers are chosen from: the task's, and those of replayed images. */
  readonly allowed: ReadonlySet<number>;
  /** Places of the classes of earlier tasks. */
  readonly earlier: ReadonlySet<number>;
  /** Texts of the classes, template by template: ids [templates · C, L], ends [templates · C]. */
  readonly texts: { readonly ids: HostTensor; readonly ends: HostTensor };
  /** Features [C, P] where no learned weight changes them. */
  readonly fixed?: HostTensor<Float32Array>;
}

/** What a task learns, and what holds it back. */
export interface Learning {
  readonly bank: Bank;
  /** Updated in place; empty where there are none. */
  readonly prompts: Params;
  readonly shared: Params;
  readonly pool: ClassPool;
  readonly images: TaskImages;
  readonly consolidation?: { readonly anchor: Anchor; readonly lambda: number };
  /** Features of the pool's classes by the student before the task [C, P]. */
  readonly before?: HostTensor<Float32Array>;
}

type TaskRecipe = Pick<
  ContinueRecipe,
  'seed' | 'classes_per_step' | 'temperature' | 'lwf' | 'routing' | 'recompute' | 'ewc'
>;

/** Far below every logit: a class that an answer is not chosen from. */
const never = -1e9;
const [SHARED, OWN, MODEL, BEFORE] = ['shared/', 'task/', 'model/', 'before/'];

/** The student of a task in a graph: image features [B, P] and class features [N, P], not normalised. */
export function taskFeatures(
  p: TensorTree,
  { bank, prompts, pool }: Pick<Learning, 'bank' | 'prompts' | 'pool'>,
  own: TensorTree,
  pixels: Tensor,
  classes: { readonly ids: Tensor; readonly ends: Tensor; readonly fixed: Tensor },
): { image: Tensor; text: Tensor } {
  const { frozen, routing } = bank;
  const vision = visionOf();
  const image = imageFeatures(p, frozen, pixels, vision && { prompts: vision });
  if (pool.fixed) return { image, text: classes.fixed };
  const text = prompts['text.0']
    ? taskTextFeatures(p, frozen, deepPrompts(own, 'text'), classes.ids, classes.ends)
    : textFeatures(p, frozen, classes.ids, classes.ends);
  return { image, text };

  function visionOf(): Tensor[] | undefined {
    if (!prompts['vision.0']) return undefined;
    if (routing === 'nearest') return deepPrompts(own, 'vision');
    return mixedPrompts(own, t.stopGradient(t.l2Normalize(imageFeatures(p, frozen, pixels))));
  }
}

/** Inputs and feeds of a task's weights: what is learned, and what is not. */
export function taskWeights({ bank, prompts, shared }: Pick<Learning, 'bank' | 'prompts' | 'shared'>) {
  const fixed = fixedWeights(bank.frozen, bank.shared, shared);
  const learned = { shared: paramInputs(shared, SHARED), own: paramInputs(prompts, OWN) };
  const earlier = bank.routing === 'mixture' ? earlierComponents(bank) : {};
  const old = paramInputs(earlier, 'earlier/');
  // Of a mixture, all components together: those of earlier tasks stay as they are.
  const own = Object.fromEntries(
    Object.entries(learned.own).map(([name, own]) => [name, old[name] ? t.concat([old[name], own], 0) : own]),
  );
  return {
    p: { ...paramInputs(fixed, MODEL), ...learned.shared } as TensorTree,
    own: own as TensorTree,
    params: { ...paramFeeds(shared, SHARED), ...paramFeeds(prompts, OWN) },
    parameters: { ...prefixed(learned.shared, SHARED), ...prefixed(learned.own, OWN) },
    frozen: { ...paramFeeds(fixed, MODEL), ...paramFeeds(earlier, 'earlier/') },
  };
}

function earlierComponents({ tasks }: Bank): Params {
  const all = tasks.map(({ prompts }) => prompts);
  return all.length > 0 ? mixtureOf(all) : {};
}

/**
 * Learns one more task:
 *
 *     loss = CE(z, label) or T² KL(teacher ‖ z) + w T² KL(z of the student before ‖ z) + μ orthogonality + λ/2 Σ F (θ − θ*)²
 *
 * z are logits of the classes of a step. Cross-entropy and teacher look at the task's classes (and those of replayed images)
 * alone; learning without forgetting (Li and Hoiem, arXiv 1606.09282) at those of earlier tasks. The penalty is a gradient
 * group of its own. Of several processes each reads its part of the images and of the classes.
 */
export function continualTask(
  learning: Learning,
  recipe: TaskRecipe,
  { group }: Pick<CompileOptions, 'group'> = {},
): Task {
  const { bank, pool, images, consolidation, before } = learning;
  const { frozen } = bank;
  const count = pool.names.length;
  const chosen = Math.min(recipe.classes_per_step, count);
  const length = pool.texts.ids.shape[1]!;
  const [all, own] = [images.labels.length, images.own];
  const share = new BatchShare(all, group);
  const block = share.slice(chosen);
  const rowCount = rowsOf(block);
  const width = pool.fixed?.shape[1] ?? before?.shape[1] ?? frozen.config.projection_dim;
  const weights = taskWeights(learning);
  const scale = param(weights.p, 'logit_scale');

  const input = {
    ids: t.input('ids', [rowCount, length], 'int32'),
    ends: t.input('ends', [rowCount], 'int32'),
    fixed: t.input('fixed', [chosen, width]),
    pixels: t.input('pixels', images.pixels.shape),
    labels: t.input('labels', [all], 'int32'),
    weights: t.input('weights', [all, 1]),
    allowed: t.input('allowed', [1, chosen]),
    earlier: t.input('earlier', [1, chosen]),
    teacher: t.input('teacher', [own, chosen]),
    before: t.input('before', [chosen, width]),
  };
  const read = taskFeatures(weights.p, learning, weights.own, input.pixels, input);
  const text = pool.fixed ? read.text : share.gather(read.text, [block]);
  const logits = clipLogits(share.gather(read.image, images.slices), text, scale); // [B + R, N]
  const losses: Record<string, Tensor> = {};
  const among = t.add(logits, input.allowed);
  if (images.teach) {
    losses.teacher = share.whole(klDivergence(t.slice(among, 0, 0, own), input.teacher, recipe.temperature));
  }
  if (!images.teach || all > own) {
    const surprise = t.neg(t.gatherRows(t.reshape(t.logSoftmax(among), [all, chosen, 1]), input.labels)); // [B + R, 1]
    losses.cross_entropy = share.whole(t.sum(t.mul(surprise, input.weights)));
  }
  let taskLoss = Object.values(losses).reduce((a, b) => t.add(a, b));
  const frozenFeeds: Params = { ...weights.frozen };
  if (before) {
    const beforeWeights = { ...modelWeights(frozen), ...bank.shared };
    Object.assign(frozenFeeds, paramFeeds(beforeWeights, BEFORE));
    const [first] = images.slices as [Slice];
    const ownPixels = t.slice(input.pixels, 0, 0, first.count);
    const seen = imageFeatures(paramInputs(beforeWeights, BEFORE), frozen, ownPixels);
    const then = t.add(clipLogits(share.gather(seen, [first]), input.before, scale), input.earlier);
    const now = t.add(t.slice(logits, 0, 0, own), input.earlier);
    losses.lwf = share.whole(klDivergence(now, then, recipe.lwf.temperature));
    taskLoss = t.add(taskLoss, t.mul(losses.lwf, recipe.lwf.weight));
  }
  if (bank.routing === 'mixture' && learning.prompts.key) {
    losses.orthogonality = share.whole(orthogonality(weights.own));
    taskLoss = t.add(taskLoss, t.mul(losses.orthogonality, recipe.routing.orthogonality));
  }
  const groups = [{ name: 'task', loss: taskLoss }];
  let total = taskLoss;
  if (consolidation) {
    const byName = Object.fromEntries(
      Object.keys(learning.shared).map((name) => [name, weights.parameters[SHARED + name]!]),
    );
    const { penalty: whole, frozen: more } = ewcPenalty(byName, consolidation.anchor, consolidation.lambda);
    Object.assign(frozenFeeds, more);
    const penalty = share.whole(whole);
    losses.ewc = penalty;
    total = t.add(total, penalty);
    groups.push({ name: 'ewc', loss: penalty, ...(recipe.ewc.clip !== undefined && { clip: recipe.ewc.clip }) });
  }

  const float = (shape: readonly number[]) => ({ shape, data: new Float32Array(t.elements(shape)) });
  const fed = {
    ids: { shape: [rowCount, length], data: new Int32Array(rowCount * length) },
    ends: { shape: [rowCount], data: new Int32Array(rowCount) },
    pixels: images.pixels,
    labels: { shape: [all], data: new Int32Array(all) },
    fixed: float([chosen, width]),
    weights: float([all, 1]),
    allowed: float([1, chosen]),
    earlier: float([1, chosen]),
    teacher: float([own, chosen]),
    before: float([chosen, width]),
  };
  const templates = pool.texts.ids.shape[0]! / count;
  return {
    params: weights.params,
    parameters: weights.parameters,
    losses: { total, ...losses },
    groups,
    frozen: frozenFeeds,
    async feeds(n) {
      await images.fill(n);
      const classes = chooseClasses(images.labels, count, chosen, new Random(recipe.seed, 'classes', n));
      const random = new Random(recipe.seed, 'templates', n);
      const drawn = classes.map((c) => random.int(templates) * count + c);
      const picked = ownOf(drawn, block);
      gatherHostRows(pool.texts.ids.data as Int32Array, length, picked, fed.ids.data);
      gatherHostRows(pool.texts.ends.data as Int32Array, 1, picked, fed.ends.data);
      if (pool.fixed) gatherHostRows(pool.fixed.data, width, classes, fed.fixed.data);
      if (before) gatherHostRows(before.data, width, classes, fed.before.data);
      const known = images.labels.filter((label, i) => label >= 0 && !(images.teach && i < own)).length;
      for (const [i, label] of images.labels.entries()) {
        const read = label >= 0 && !(images.teach && i < own);
        fed.labels.data[i] = Math.max(0, classes.indexOf(label));
        fed.weights.data[i] = read ? 1 / known : 0;
      }
      // A step may draw no class of an earlier task: of a single class nothing is to be kept.
      const anyEarlier = classes.some((c) => pool.earlier.has(c));
      for (const [place, c] of classes.entries()) {
        fed.allowed.data[place] = pool.allowed.has(c) ? 0 : never;
        fed.earlier.data[place] = pool.earlier.has(c) || (!anyEarlier && place === 0) ? 0 : never;
      }
      images.teach?.(classes, fed.teacher.data);
      for (let i = 0; images.teach && i < fed.teacher.data.length; i++) {
        fed.teacher.data[i]! += fed.allowed.data[i % chosen]!;
      }
      return fed;
    },
    imagesPerBatch: images.pixels.shape[0]!,
  };
}
