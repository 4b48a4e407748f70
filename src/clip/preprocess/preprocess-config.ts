import { z } from 'zod';
import { UserError } from '../../errors.js';
import { issueError } from '../../schema-issue.js';

import { MAX_EDGE } from '../config.js';
import { resampleCodes } from './resize.js';

/** How a picture becomes the vision tower's input: resize, centre crop, ·rescale, −mean, ÷std. */
export interface PreprocessConfig {
  /** Side of the square that comes out. */
  readonly size: number;
  /** Length of the shortest edge after resizing (the shape is kept), or both edges; undefined: no resizing. */
  readonly resize: number | readonly [height: number, width: number] | undefined;
  /** Cut (or fill with black) to size × size around the centre. */
  readonly crop: boolean;
  /** Pillow's number of the kernel; 3 is bicubic. */
  readonly resample: number;
  readonly rescale: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** CLIP's own: bicubic, shortest edge and centre crop at `size`, its means and deviations. */
export function clipPreprocess(size: number): PreprocessConfig {
  return {
    size,
    resize: size,
    crop: true,
    resample: 3,
    rescale: 1 / 255,
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
  };
}

/** SigLIP's own: both edges at `size`, bicubic, numbers from −1 to 1. */
export function siglipPreprocess(size: number): PreprocessConfig {
  const half = [0.5, 0.5, 0.5] as const;
  return { size, resize: [size, size], crop: false, resample: 3, rescale: 1 / 255, mean: half, std: half };
}

/** The same for pictures of another size. */
export function preprocessAt(config: PreprocessConfig, size: number): PreprocessConfig {
  if (size === config.size) return config;
  return { ...config, size, resize: typeof config.resize === 'object' ? [size, size] : size };
}

const edge = z.int().positive().max(MAX_EDGE);
const three = z.tuple([z.number(), z.number(), z.number()]);
const box = z.object({ height: edge, width: edge });
// Extractors of before transformers 4.26 wrote plain numbers.
const processorConfig = z.object({
  do_resize: z.boolean().default(true),
  size: z
    .union([edge, z.object({ shortest_edge: edge }), box], { error: 'a number, shortest_edge, or height and width' })
    .default(224),
  resample: z
    .int()
    .refine((code) => resampleCodes.includes(code), { error: `one of ${resampleCodes} (Pillow's numbers)` })
    .default(3),
  do_center_crop: z.boolean().default(true),
  crop_size: z.union([edge, box], { error: 'a number, or height and width' }).default(224),
  do_rescale: z.boolean().default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: three.default([0.48145466, 0.4578275, 0.40821073]),
  image_std: three
    .refine((std) => std.every((x) => x > 0), { error: 'three positive numbers' })
    .default([0.26862954, 0.26130258, 0.27577711]),
});

/**
 * Checks a Hugging Face `preprocessor_config.json`; missing fields get CLIPImageProcessor's defaults, or
 * SiglipImageProcessor's where the file is of one.
 *
 * @throws UserError naming file and field, also where the result would not be one square size.
 */
export function parsePreprocessConfig(json: unknown, file = 'preprocessor_config.json'): PreprocessConfig {
  const isObject = typeof json === 'object' && json !== null && !Array.isArray(json);
  const fields = isObject ? Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null)) : json;
  const kind = isObject && (json as { image_processor_type?: unknown }).image_processor_type;
  if (typeof kind === 'string' && kind.startsWith('Siglip')) return parseSiglip(fields as object, file);
  return parseProcessor(fields, file);
}

/** Both edges are resized and nothing is cropped, so that `size` has a height and a width. */
function parseSiglip(fields: object, file: string): PreprocessConfig {
  const half = [0.5, 0.5, 0.5];
  const usual = { size: { height: 224, width: 224 }, do_center_crop: false, image_mean: half, image_std: half };
  return parseProcessor({ ...usual, ...fields }, file);
}

function parseProcessor(fields: unknown, file: string): PreprocessConfig {
  const parsed = processorConfig.safeParse(fields, { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, file);
  const c = parsed.data;
  let resize: PreprocessConfig['resize'];
  if (c.do_resize) {
    if (typeof c.size === 'number') resize = c.size;
    else resize = 'shortest_edge' in c.size ? c.size.shortest_edge : [c.size.height, c.size.width];
  }
  const crop =
    typeof c.crop_size === 'number'
      ? ([c.crop_size, c.crop_size] as const)
      : ([c.crop_size.height, c.crop_size.width] as const);
  const result = c.do_center_crop ? crop : resize;
  if (result === undefined || typeof result === 'number') {
    throw new UserError(
      `${file}: do_center_crop: expected true, or a size of height and width: pictures would come out in different sizes`,
    );
  }
  if (result[0] !== result[1]) {
    throw new UserError(
      `${file}: ${c.do_center_crop ? 'crop_size' : 'size'}: expected a square, got ${result[0]}×${result[1]}`,
    );
  }
  return {
    size: result[0],
    resize,
    crop: c.do_center_crop,
    resample: c.resample,
    rescale: c.do_rescale ? c.rescale_factor : 1,
    mean: c.do_normalize ? c.image_mean : [0, 0, 0],
    std: c.do_normalize ? c.image_std : [1, 1, 1],
  };
}

/** The `preprocessor_config.json` of a configuration. */
export function preprocessConfigJson(config: PreprocessConfig): object {
  const { resize, size } = config;
  return {
    image_processor_type: 'CLIPImageProcessor',
    do_convert_rgb: true,
    do_resize: resize !== undefined,
    size: typeof resize === 'object' ? { height: resize[0], width: resize[1] } : { shortest_edge: resize ?? size },
    resample: config.resample,
    do_center_crop: config.crop,
    crop_size: { height: size, width: size },
    do_rescale: true,
    rescale_factor: config.rescale,
    do_normalize: true,
    image_mean: config.mean,
    image_std: config.std,
  };
}
