import { z } from 'zod';
import { issueError } from '../../schema-issue.js';
import { clipPreprocess, type PreprocessConfig, type Resize } from './preprocess-config.js';

const three = z
  .union([z.number(), z.tuple([z.number(), z.number(), z.number()])], { error: 'a number, or three' })
  .transform((x): readonly [number, number, number] => (typeof x === 'number' ? [x, x, x] : x));
const clip = clipPreprocess(224);

// Defaults are those of OpenCLIP's PreprocessCfg.
const preprocessCfg = z.object({
  mode: z.literal('RGB').optional(),
  mean: three.default(clip.mean),
  std: three.refine((std) => std.every((x) => x > 0), { error: 'three positive numbers' }).default(clip.std),
  /** `random` is for training alone; evaluation is bicubic then. */
  interpolation: z.enum(['bicubic', 'bilinear', 'random']).default('bicubic'),
  resize_mode: z.enum(['shortest', 'longest', 'squash']).default('shortest'),
  fill_color: z.literal(0, { error: '0: images are filled up with black' }).optional(),
});

/**
 * OpenCLIP's `preprocess_cfg` as its `image_transform` evaluates it.
 *
 * @param size the model's side: `preprocess_cfg.size` gives way to it, there too
 * @param within where the fields stand in the file
 * @throws UserError naming file and field
 */
export function openClipPreprocess(json: unknown, size: number, file: string, within?: string): PreprocessConfig {
  const parsed = preprocessCfg.safeParse(json, { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, file, within);
  const { mean, std, interpolation, resize_mode: mode } = parsed.data;
  const resizes: Record<typeof mode, Resize> = { shortest: size, longest: { longest: size }, squash: [size, size] };
  return {
    ...{ size, resize: resizes[mode], mean, std, rescale: 1 / 255 },
    crop: mode !== 'squash',
    ...(mode !== 'squash' && { torchvisionCrop: true }),
    resample: interpolation === 'bilinear' ? 2 : 3,
  };
}
