import { clipLogits, textTower, visionTower } from '../clip/index.js';
import { UserError } from '../errors.js';
import type { ViewBatches } from '../loader/index.js';
import { gatherHostRows, Random } from '../math/index.js';
import type { PromptedTeacher } from '../model/index.js';
import { ranksFor, taskShards } from '../model/index.js';
import {
  BatchShare,
  crossEntropy,
  klDivergence,
  ownOf,
  param,
  paramFeeds,
  paramInputs,
  prefixed,
  rowsOf,
} from '../nn/index.js';
import { deepPrompts } from '../prompt/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { HostTensor, Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';
import type { Task } from '../train/index.js';
import { chooseClasses } from '../tune-prompts/index.js';
import { GaussianAverage } from './gaussian-average.js';

/** The classes that a teacher's prompts are tuned to. */
export interface TunedClasses {
  /** Label in the data set of each class, N. */
  readonly labels: readonly number[];
  /** Class texts for the prompted text tower; see `teacherTextFeatures`. [N, L] and [N] */
  readonly ids: HostTensor;
  readonly ends: HostTensor;
  /** The frozen model's features of the classes, an average over templates [N, P], of any length. */
  readonly frozen: HostTensor;
}

export interface TeacherPromptsOptions {
  readonly epochs: number;
  /** Updates an epoch. */
  readonly stepsPerEpoch: number;
  /** Classes told apart in a step: those of its labels and others by lot; left out: all. */
  readonly classesPerStep?: number;
  readonly seed: number;
  /** Weights of the three regularisers. */
  readonly weights: { readonly text: number; readonly image: number; readonly logits: number };
  /** Keep only each block's input for the backward pass. */
  readonly recompute?: boolean;
  /** Which epochs the average is of: see `GaussianAverage`. */
  readonly average: { readonly mean: number; readonly deviation: number };
}

export interface TeacherPromptsTask extends Task {
  /** The prompts averaged over the epochs: whole after the last step. */
  readonly averaged: PromptedTeacher['prompts'];
}

/**
 * Tuning of a teacher's independent deep prompts on few labelled images, with PromptSRC's regularisers (Khattak et al.,
 * arXiv 2307.06190), which hold the prompted model near the frozen one:
 *
 *     loss = CE(z, label) + a mean|t − t₀| + b mean|v − v₀| + c KL(softmax(z₀) ‖ softmax(z)) / N
 *
 * N are the classes of a step; v, t are the prompted model's unit features of images and classes, v₀, t₀ the frozen
 * model's, z and z₀ their logits.
 * The towers are frozen; the prompts of `teacher` are updated in place.
 *
 * @throws UserError where the ranks do not divide the teacher's heads and hidden units
 */
export function teacherPromptsTask(
  teacher: PromptedTeacher,
  classes: TunedClasses,
  views: ViewBatches,
  options: TeacherPromptsOptions,
  compileOptions: CompileOptions = {},
): TeacherPromptsTask {
  const { config } = teacher;
  const [batch] = views.labels.shape as [number];
  const share = new BatchShare(batch, compileOptions.group);
  const ranks = ranksFor('teacher', config, compileOptions);
  const p = paramInputs(teacher.params, 'teacher/', ranks);
  const prompts = paramInputs(teacher.prompts, 'prompts/');
  const pixels = t.input('pixels', views.pixels.shape);
  const all = classes.labels.length;
  const chosen = Math.min(options.classesPerStep ?? all, all);
  const [length, width] = [classes.ids.shape[1]!, classes.frozen.shape[1]!];
  // Each process reads its part of the classes.
  const block = share.slice(chosen);
  const rowCount = rowsOf(block);
  const ids = t.input('ids', [rowCount, length], 'int32');
  const ends = t.input('ends', [rowCount], 'int32');

  const scale = param(p, 'logit_scale');
  const unit = (x: Tensor) => t.l2Normalize(x);
  const own = (tower: 'vision' | 'text') => ({
    prompts: deepPrompts(prompts, tower).map((prompt) =>
      share.forEachRow(prompt, tower === 'text' ? block : share.images),
    ),
    pooledOnly: true,
    recompute: options.recompute,
    ranks,
  });
  const image = share.gather(visionTower(p, config, pixels, own('vision')).embed); // [B, P]
  const text = share.gather(textTower(p, config, ids, ends, own('text')).embed, [block]); // [N, P]
  const frozen = {
    image: share.gather(visionTower(p, config, pixels, { pooledOnly: true, ranks }).embed),
    text: t.input('frozen/texts', [chosen, width]),
  };
  const logits = clipLogits(image, text, scale); // [B, N]
  const distance = (a: Tensor, b: Tensor) => t.mean(t.abs(t.sub(unit(a), unit(b))));
  const divergence = klDivergence(logits, clipLogits(frozen.image, frozen.text, scale), 1);
  const whole = {
    cross_entropy: crossEntropy(logits, t.input('labels', [batch], 'int32')),
    text: t.mul(distance(text, frozen.text), options.weights.text),
    image: t.mul(distance(image, frozen.image), options.weights.image),
    logits: t.mul(divergence, options.weights.logits / chosen),
  };
  // Every process computes them from what is gathered.
  const losses = Object.fromEntries(
    Object.entries(whole).map(([name, loss]) => [name, share.whole(loss)]),
  ) as typeof whole;
  const total = Object.values(losses).reduce((a, b) => t.add(a, b));

  const fed = {
    labels: { shape: [batch], data: new Int32Array(batch) },
    ids: { shape: [rowCount, length], data: new Int32Array(rowCount * length) },
    ends: { shape: [rowCount], data: new Int32Array(rowCount) },
    'frozen/texts': { shape: [chosen, width], data: new Float32Array(chosen * width) },
  };
  const params = paramFeeds(teacher.prompts, 'prompts/');
  const average = new GaussianAverage(params, { epochs: options.epochs, ...options.average });
  const averaged = Object.fromEntries(
    Object.keys(teacher.prompts).map((name) => [name, average.sum[`prompts/${name}`]!]),
  );
  return {
    params,
    parameters: prefixed(prompts, 'prompts/'),
    losses: { total, ...losses },
    groups: [{ name: 'total', loss: total }],
    frozen: paramFeeds(teacher.params, 'teacher/'),
    averaged,
    state: () => paramFeeds(averaged, 'average/'),
    async feeds(n) {
      await views.fill(n);
      const rows = views.labels.data.map((label) => rowOf(classes.labels, label));
      const picked = chooseClasses(rows, all, chosen, new Random(options.seed, 'classes', n));
      for (const [i, row] of rows.entries()) fed.labels.data[i] = picked.indexOf(row);
      const read = ownOf(picked, block);
      gatherHostRows(classes.ids.data, length, read, fed.ids.data);
      gatherHostRows(classes.ends.data, 1, read, fed.ends.data);
      gatherHostRows(classes.frozen.data, width, picked, fed['frozen/texts'].data);
      return { pixels: views.pixels, ...fed };
    },
    imagesPerBatch: share.images.count,
    split: { ranks, axis: taskShards },
    afterUpdates: {
      every: options.stepsPerEpoch,
      see: (done, now) => average.add(done / options.stepsPerEpoch, now),
    },
  };
}

function rowOf(labels: readonly number[], label: number): number {
  const row = labels.indexOf(label);
  if (row >= 0) return row;
  throw new UserError(`teacher prompts: an image has label ${label}, which is none of the classes to tune to`);
}
