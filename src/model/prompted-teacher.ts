import { type ClipConfig, runTextBlocks, textBlockInputs } from '../clip/index.js';
import { type Params, paramFeeds, paramInputs, type TensorTree } from '../nn/index.js';
import { type CompileOptions, compile, type Runnable } from '../runtime/index.js';
import { type HostTensor, input, l2Normalize, type Tensor } from '../tensor/index.js';
import { type GraphModel, imageFeatures, textPass } from './graphs.js';
import type { DeepPrompts } from './model.js';
import { ranksFor, taskShards } from './ranks.js';
import { modelWeights } from './weights.js';

/** A frozen CLIP model with deep prompts of its own in both towers: the teacher of the CVPR 2024 recipe. */
export interface PromptedTeacher {
  readonly config: ClipConfig;
  readonly params: Params;
  /** `vision.0`, … and `text.0`, …; a tower without any runs as it is. */
  readonly prompts: Params;
}

/** A teacher's prompts as a model has them. */
export function teacherPrompts(prompts: Params): DeepPrompts {
  const of = (tower: string) => Object.fromEntries(Object.entries(prompts).filter(([name]) => name.startsWith(tower)));
  return { vision: of('vision.'), text: of('text.') };
}

/** How the features of a prompted teacher are computed. */
export interface TextFeatureOptions extends CompileOptions {
  /** As the projection gives them, not of unit length. */
  readonly raw?: boolean;
}

/**
 * The teacher's features of class texts, computed once a run.
 *
 * The text prompts stand in the place of the `n_ctx` tokens behind the start token, as CoOp's learned context: each text
 * begins with that many tokens which only hold the place ("X X X X fox.").
 *
 * @param ids [N, L] int32
 * @param ends [N] int32, the position of each end token
 * @returns [N, P], of unit length unless asked for raw
 * @throws UserError for ranks that its heads and hidden units, or the device, do not take
 */
export async function teacherTextFeatures(
  teacher: PromptedTeacher,
  { ids, ends }: { readonly ids: HostTensor; readonly ends: HostTensor },
  { raw = false, ...options }: TextFeatureOptions = {},
): Promise<HostTensor<Float32Array>> {
  const [count, length] = ids.shape as [number, number];
  const fed = textBlockInputs(count, length);
  const program = await featureProgram(
    teacher,
    options,
    (p, model, ranks) => textPass(p, model, fed.ids, fed.ends, { pooledOnly: true, ranks }).embed,
    raw,
  );
  const width = teacher.config.projection_dim;
  const all = new Float32Array(count * width);
  const texts = { ids: ids.data as Int32Array, ends: ends.data as Int32Array, length };
  try {
    await runTextBlocks(program, {}, texts, ({ features }, from, rows) => {
      all.set(features!.data.subarray(0, rows * width), from * width);
    });
  } finally {
    await program.dispose();
  }
  return { shape: [count, width], data: all };
}

/** The teacher's vision tower, compiled for batches of one size. */
export interface TeacherImages {
  /** Pixels [B, 3, S, S] → features [B, P] of unit length, overwritten by the next call. */
  features(pixels: HostTensor): Promise<HostTensor>;
  dispose(): Promise<void>;
}

/**
 * Compiles the teacher's vision tower with its prompts: targets of images that no store keeps.
 *
 * @throws UserError for ranks that its heads and hidden units, or the device, do not take
 */
export async function teacherImages(
  teacher: PromptedTeacher,
  batch: number,
  options: CompileOptions = {},
): Promise<TeacherImages> {
  const { num_channels: channels, image_size: size } = teacher.config.vision_config;
  const pixels = input('pixels', [batch, channels, size, size]);
  const program = await featureProgram(teacher, options, (p, model, ranks) =>
    imageFeatures(p, model, pixels, { ranks }),
  );
  return {
    features: async (pixels) => (await program.run({ pixels })).features!,
    dispose: () => program.dispose(),
  };
}

/** One of the teacher's towers with its prompts, split over `options.ranks`: `features` of unit length, or raw. */
function featureProgram(
  { config, params, prompts }: PromptedTeacher,
  options: CompileOptions,
  features: (p: TensorTree, model: GraphModel, ranks: number) => Tensor,
  raw = false,
): Promise<Runnable> {
  const ranks = ranksFor('teacher', config, options);
  const model = { config, params, prompts: teacherPrompts(prompts) };
  const weights = modelWeights(model);
  const embed = features(paramInputs(weights, 'teacher/', ranks), model, ranks);
  const fixed = paramFeeds(weights, 'teacher/');
  const outputs = { features: raw ? embed : l2Normalize(embed) };
  return compile({ outputs, shards: taskShards }, { ...options, fixed });
}
