import { clipLogits, fitPixels } from '../clip/index.js';
import { ranksFor, taskShards, type VisualStudent, visualStudentFeatures } from '../model/index.js';
import { BatchShare, klDivergence, movedRunning, param, paramFeeds, paramInputs, prefixed } from '../nn/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { HostTensor, Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';
import type { CarriedArray, Task } from '../train/index.js';

/** Where a batch's images and the teacher's features of them come from: a target store, or the teacher itself. */
export interface ImageBatches {
  /** Images a batch, B, of all processes: at least two, for the projector's batch norm. */
  readonly batch: number;
  /** Side S of the pixels; resampled where the student's is another. */
  readonly size: number;
  /**
   * Pixels of the own images [b, 3, S, S] and teacher features of all [B, P_t], of any length; depends on the number of the batch
   * alone.
   */
  at(batch: number): Promise<{ readonly pixels: HostTensor; readonly teacher: HostTensor }>;
}

/** What the loss needs of the teacher, fixed for the run. */
export interface TeacherClasses {
  /** Class text features [N, P_t]. */
  readonly texts: HostTensor;
  /** The teacher's own, a logarithm. */
  readonly logitScale: HostTensor;
}

export interface Cvpr2024Options {
  /** T */
  readonly temperature: number;
  /** Weight of the loss, 1000 in the paper's code. */
  readonly kdWeight: number;
  /** Keep only each block's input for the backward pass. */
  readonly recompute?: boolean;
}

export interface Cvpr2024Task extends Task {
  /** Logits [B, N] in the graph. */
  readonly logits: { readonly student: Tensor; readonly teacher: Tensor };
}

/**
 * The unlabelled distillation of the CVPR 2024 recipe (Li et al., arXiv 2403.02781): the student's visual
 * prompts and projector learn the teacher's class distribution of each image,
 *
 *     z_s = exp(s) · cos(projector(image), teacher texts),  loss = w · T² · Σ KL(softmax(z_t/T) ‖ softmax(z_s/T)) / (B · N)
 *
 * with the student's own logit scale s. A SigLIP's bias is left out: it cancels in the softmax over classes.
 * The student's towers and the teacher are frozen. Parameters are named
 * `prompts/vision.N` and `projector/…`; the projector's running statistics are carried by the graph. Reports `agreement`, the
 * share of the images for which both have the same best class.
 *
 * @throws UserError where the ranks do not divide the vision tower's heads and hidden units
 */
export function cvpr2024Task(
  student: VisualStudent,
  teacher: TeacherClasses,
  batches: ImageBatches,
  options: Cvpr2024Options,
  compileOptions: CompileOptions = {},
): Cvpr2024Task {
  const { config } = student;
  const { batch, size } = batches;
  const share = new BatchShare(batch, compileOptions.group);
  const [classes, width] = teacher.texts.shape as [number, number];
  // The text tower takes no part.
  const ranks = ranksFor('student', { vision_config: config.vision_config }, compileOptions);
  const tower = { recompute: options.recompute, ranks };
  const p = {
    params: paramInputs(student.params, 'student/', ranks),
    prompts: paramInputs(student.prompts, 'prompts/'),
    projector: paramInputs(student.projector, 'projector/'),
  };
  const repeated = Object.fromEntries(
    Object.entries(p.prompts).map(([name, prompt]) => [name, share.forEachRow(prompt)]),
  );
  const pixels = fitPixels(t.input('pixels', [share.images.count, 3, size, size]), config.vision_config.image_size);
  const texts = t.input('teacher/texts', [classes, width]);
  const { features, statistics } = visualStudentFeatures(
    { ...p, prompts: repeated },
    config,
    pixels,
    'batch',
    tower,
    (embeds) => share.gather(embeds),
  );
  const logits = {
    student: clipLogits(features, texts, param(p.params, 'logit_scale')),
    teacher: clipLogits(t.input('teacher/images', [batch, width]), texts, t.constant(teacher.logitScale)),
  };
  const divergence = klDivergence(logits.student, logits.teacher, options.temperature); // T² Σ KL / B
  const total = share.whole(t.mul(divergence, options.kdWeight / classes));

  const same = t.equal(t.argMax(logits.student), t.argMax(logits.teacher)); // [B]
  const agreement = share.whole(t.mean(t.where(same, 1, 0)));

  const inputs = { ...prefixed(p.prompts, 'prompts/'), ...prefixed(p.projector, 'projector/') };
  const trained = { ...paramFeeds(student.prompts, 'prompts/'), ...paramFeeds(student.projector, 'projector/') };
  const carried: Record<string, CarriedArray> = {};
  for (const [name, after] of Object.entries(movedRunning(p.projector, 'bn', statistics, batch))) {
    carried[`projector/${name}`] = { array: student.projector[name] as HostTensor<Float32Array>, after };
  }
  const learned = <V>(tree: Readonly<Record<string, V>>): Record<string, V> =>
    Object.fromEntries(Object.entries(tree).filter(([name]) => !(name in carried)));
  return {
    params: learned(trained),
    parameters: learned(inputs),
    losses: { total, agreement },
    groups: [{ name: 'total', loss: total }],
    frozen: { ...paramFeeds(student.params, 'student/'), 'teacher/texts': teacher.texts },
    async feeds(n) {
      const { pixels, teacher: images } = await batches.at(n);
      return { pixels, 'teacher/images': images };
    },
    imagesPerBatch: share.images.count,
    split: { ranks, axis: taskShards },
    carried,
    logits,
  };
}
