import { type ClipConfig, runTextBlocks, textBlockInputs, textTower, visionTower } from '../clip/index.js';
import { type Params, paramFeeds, paramInputs } from '../nn/index.js';
import { deepPrompts } from '../prompt/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import { type HostTensor, input, l2Normalize } from '../tensor/index.js';

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
 */
export async function teacherTextFeatures(
  teacher: PromptedTeacher,
  { ids, ends }: { readonly ids: HostTensor; readonly ends: HostTensor },
  options: CompileOptions = {},
): Promise<HostTensor<Float32Array>> {
  const { config, params } = teacher;
  const [count, length] = ids.shape as [number, number];
  const p = { teacher: paramInputs(params, 'teacher/'), prompts: paramInputs(teacher.prompts, 'prompts/') };
  const prompts = deepPrompts(p.prompts, 'text');
  const fed = textBlockInputs(count, length);
  const { embed } = textTower(p.teacher, config, fed.ids, fed.ends, { prompts, pooledOnly: true });
  const fixed = { ...paramFeeds(params, 'teacher/'), ...paramFeeds(teacher.prompts, 'prompts/') };
  const program = await compile({ outputs: { features: l2Normalize(embed) } }, { ...options, fixed });
  const width = config.projection_dim;
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

/** Compiles the teacher's vision tower with its prompts: targets of images that no store keeps. */
export async function teacherImages(
  teacher: PromptedTeacher,
  batch: number,
  options: CompileOptions = {},
): Promise<TeacherImages> {
  const { config, params } = teacher;
  const { num_channels: channels, image_size: size } = config.vision_config;
  const p = { teacher: paramInputs(params, 'teacher/'), prompts: paramInputs(teacher.prompts, 'prompts/') };
  const prompts = deepPrompts(p.prompts, 'vision');
  const pixels = input('pixels', [batch, channels, size, size]);
  const { embed } = visionTower(p.teacher, config, pixels, { prompts, pooledOnly: true });
  const fixed = { ...paramFeeds(params, 'teacher/'), ...paramFeeds(teacher.prompts, 'prompts/') };
  const program = await compile({ outputs: { features: l2Normalize(embed) } }, { ...options, fixed });
  return {
    features: async (pixels) => (await program.run({ pixels })).features!,
    dispose: () => program.dispose(),
  };
}
