import { clipLogits, fitPixels } from '../clip/index.js';
import { isRunning, ranksFor, taskShards, type VisualStudent, visualStudentFeatures } from '../model/index.js';
import { klDivergence, type Params, param, paramFeeds, paramInputs, updateRunning } from '../nn/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import type { HostTensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';
import type { Task } from '../train/index.js';
import { lossScaleFor, scaledGradients } from '../train/index.js';

/** Where a step's images and the teacher's features of them come from: a target store, or the teacher itself. */
export interface ImageBatches {
  /** Images a step, B: at least two, for the projector's batch norm. */
  readonly batch: number;
  /** Side S of the pixels; resampled where the student's is another. */
  readonly size: number;
  /** Pixels [B, 3, S, S] and teacher image features [B, P_t] of any length; depends on the step alone. */
  at(step: number): Promise<{ readonly pixels: HostTensor; readonly teacher: HostTensor }>;
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
  /** Logits [B, N] of the last step, overwritten by the next. */
  readonly logits: { readonly student?: HostTensor; readonly teacher?: HostTensor };
  dispose(): Promise<void>;
}

/**
 * The unlabelled distillation of the CVPR 2024 recipe (Li et al., arXiv 2403.02781): the student's visual
 * prompts and projector learn the teacher's class distribution of each image,
 *
 *     z_s = exp(s) · cos(projector(image), teacher texts),  loss = w · T² · Σ KL(softmax(z_t/T) ‖ softmax(z_s/T)) / (B · N)
 *
 * with the student's own logit scale s. The student's towers and the teacher stand still. Parameters are named
 * `prompts/vision.N` and `projector/…`; the projector's running statistics are the task's state.
 */
export async function cvpr2024Task(
  student: VisualStudent,
  teacher: TeacherClasses,
  batches: ImageBatches,
  options: Cvpr2024Options,
  compileOptions: CompileOptions = {},
): Promise<Cvpr2024Task> {
  const { config } = student;
  const { batch, size } = batches;
  const [classes, width] = teacher.texts.shape as [number, number];
  // The text tower takes no part.
  const ranks = ranksFor('student', { vision_config: config.vision_config }, compileOptions);
  const tower = { recompute: options.recompute, ranks };
  const p = {
    params: paramInputs(student.params, 'student/', ranks),
    prompts: paramInputs(student.prompts, 'prompts/'),
    projector: paramInputs(student.projector, 'projector/'),
  };
  const pixels = fitPixels(t.input('pixels', [batch, 3, size, size]), config.vision_config.image_size);
  const texts = t.input('teacher/texts', [classes, width]);
  const { features, statistics } = visualStudentFeatures(p, config, pixels, 'batch', tower);
  const logits = {
    student: clipLogits(features, texts, param(p.params, 'logit_scale')),
    teacher: clipLogits(t.input('teacher/images', [batch, width]), texts, t.constant(teacher.logitScale)),
  };
  const divergence = klDivergence(logits.student, logits.teacher, options.temperature); // T² Σ KL / B
  const total = t.mul(divergence, options.kdWeight / classes);

  const inputs = { ...prefixed(p.prompts, 'prompts/'), ...prefixed(p.projector, 'projector/') };
  const trained = { ...paramFeeds(student.prompts, 'prompts/'), ...paramFeeds(student.projector, 'projector/') };
  const [params, running]: [Params, Params] = [{}, {}];
  for (const [name, tensor] of Object.entries(trained)) {
    (isRunning(name.replace('projector/', '')) ? running : params)[name] = tensor;
  }
  const names = Object.keys(params);
  const lossScale = lossScaleFor(compileOptions.precision);
  const wrt = names.map((name) => inputs[name]!);
  const gradients = scaledGradients(total, wrt, lossScale);
  const program = await compile(
    {
      outputs: {
        total,
        ...prefixed(logits, 'logits/'),
        ...prefixed({ ...statistics }, 'batch/'),
        ...Object.fromEntries(names.map((name, i) => [`grad|${name}`, gradients[i]!])),
      },
      shards: taskShards,
    },
    { ...compileOptions, fixed: { ...paramFeeds(student.params, 'student/'), 'teacher/texts': teacher.texts } },
  );

  const last: { student?: HostTensor; teacher?: HostTensor } = {};
  return {
    params,
    lossScale,
    imagesPerStep: batch,
    logits: last,
    state: () => running,
    async step(step) {
      const { pixels, teacher: images } = await batches.at(step);
      const result = await program.run({ ...params, ...lossScale?.feeds, pixels, 'teacher/images': images });
      const moments = { mean: result['batch/mean']!, variance: result['batch/variance']! };
      updateRunning(student.projector, 'bn', moments, batch);
      last.student = result['logits/student'];
      last.teacher = result['logits/teacher'];
      return {
        losses: { total: result.total!.data[0]!, agreement: agreement(last.student!, last.teacher!) },
        gradients: Object.fromEntries(names.map((name) => [name, result[`grad|${name}`]!.data as Float32Array])),
      };
    },
    dispose: () => program.dispose(),
  };
}

function prefixed<V>(tree: Readonly<Record<string, V>>, prefix: string): Record<string, V> {
  return Object.fromEntries(Object.entries(tree).map(([name, value]) => [prefix + name, value]));
}

/** Share of the images for which both have the same best class. */
function agreement(a: HostTensor, b: HostTensor): number {
  const [rows, classes] = a.shape as [number, number];
  const best = ({ data }: HostTensor, row: number) => {
    const scores = data.subarray(row * classes, (row + 1) * classes);
    return scores.indexOf(Math.max(...scores));
  };
  let same = 0;
  for (let row = 0; row < rows; row++) if (best(a, row) === best(b, row)) same++;
  return same / rows;
}
