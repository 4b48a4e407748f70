import {
  type ClipConfig,
  runTextBlocks,
  type TextOptions,
  type TowerResult,
  textBlockInputs,
  textTower,
  type VisionOptions,
  visionTower,
} from '../clip/index.js';
import { type Params, paramFeeds, paramInputs, type TensorTree } from '../nn/index.js';
import { deepPrompts } from '../prompt/index.js';
import { type CompileOptions, compile, type Runnable } from '../runtime/index.js';
import { type HostTensor, input, l2Normalize } from '../tensor/index.js';
import { ranksFor, taskShards } from './ranks.js';

/** A frozen CLIP model with deep prompts of its own in both towers: the teacher of the CVPR 2024 recipe. */
export interface PromptedTeacher {
  readonly config: ClipConfig;
  readonly params: Params;
  /** `vision.0`, … and `text.0`, …; a tower without any runs as it is. */
  readonly prompts: Params;
}

/**
 * The teacher's features of class texts, computed once a run.
 *
 * The text prompts stand in the place of the `n_ctx` tokens behind the start token, as CoOp's learned context: each text
 * begins with that many tokens which only hold the place ("X X X X fox.").
 *
 * @param ids [N, L] int32
 * @param ends [N] int32, the position of each end token
 * @returns [N, P], of unit length
 * @throws UserError for ranks that its heads and hidden units, or the device, do not take
 */
export async function teacherTextFeatures(
  teacher: PromptedTeacher,
  { ids, ends }: { readonly ids: HostTensor; readonly ends: HostTensor },
  options: CompileOptions = {},
): Promise<HostTensor<Float32Array>> {
  const [count, length] = ids.shape as [number, number];
  const fed = textBlockInputs(count, length);
  const program = await featureProgram(teacher, options, 'text', (p, tower) =>
    textTower(p, teacher.config, fed.ids, fed.ends, tower),
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
  const program = await featureProgram(teacher, options, 'vision', (p, tower) =>
    visionTower(p, teacher.config, pixels, tower),
  );
  return {
    features: async (pixels) => (await program.run({ pixels })).features!,
    dispose: () => program.dispose(),
  };
}

/** One of the teacher's towers with its prompts, split over `options.ranks`: `features` of unit length. */
function featureProgram(
  { config, params, prompts }: PromptedTeacher,
  options: CompileOptions,
  tower: 'text' | 'vision',
  run: (p: TensorTree, options: TextOptions & VisionOptions) => TowerResult,
): Promise<Runnable> {
  const ranks = ranksFor('teacher', config, options);
  const own = deepPrompts(paramInputs(prompts, 'prompts/'), tower);
  const { embed } = run(paramInputs(params, 'teacher/', ranks), { prompts: own, pooledOnly: true, ranks });
  const fixed = { ...paramFeeds(params, 'teacher/'), ...paramFeeds(prompts, 'prompts/') };
  return compile({ outputs: { features: l2Normalize(embed) }, shards: taskShards }, { ...options, fixed });
}
