import { type ClipConfig, textTower, visionTower } from '../clip/index.js';
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

const BLOCK = 64;

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
  const block = Math.min(BLOCK, count);
  const p = { teacher: paramInputs(params, 'teacher/'), prompts: paramInputs(teacher.prompts, 'prompts/') };
  const prompts = deepPrompts(p.prompts, 'text');
  const fed = [input('ids', [block, length], 'int32'), input('ends', [block], 'int32')] as const;
  const features = l2Normalize(textTower(p.teacher, config, ...fed, { prompts, pooledOnly: true }).embed);
  const program = await compile({ outputs: { features } }, options);
  const width = config.projection_dim;
  const all = new Float32Array(count * width);
  try {
    for (let row = 0; row < count; row += block) {
      // The last block goes back to full length: its first rows are computed twice.
      const from = Math.min(row, count - block);
      const result = await program.run({
        ...paramFeeds(params, 'teacher/'),
        ...paramFeeds(teacher.prompts, 'prompts/'),
        ids: { shape: [block, length], data: ids.data.subarray(from * length, (from + block) * length) },
        ends: { shape: [block], data: ends.data.subarray(from, from + block) },
      });
      all.set(result.features!.data, from * width);
    }
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
  const program = await compile({ outputs: { features: l2Normalize(embed) } }, options);
  const fixed = { ...paramFeeds(params, 'teacher/'), ...paramFeeds(teacher.prompts, 'prompts/') };
  return {
    features: async (pixels) => (await program.run({ ...fixed, pixels })).features!,
    dispose: () => program.dispose(),
  };
}
