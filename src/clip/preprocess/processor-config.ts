import { z } from 'zod';
import { UserError } from '../../errors.js';
import { issueError, show } from '../../schema-issue.js';
import { MAX_EDGE } from '../config.js';
import { openClipPreprocess } from './openclip-preprocess.js';
import { clipPreprocess, type PreprocessConfig, type Resize } from './preprocess-config.js';
import { resampleCodes } from './resize.js';

const edge = z.int().positive().max(MAX_EDGE);
const three = z
  .union([z.number(), z.tuple([z.number(), z.number(), z.number()])], { error: 'a number, or three' })
  .transform((x): readonly [number, number, number] => (typeof x === 'number' ? [x, x, x] : x));
const box = z.object({ height: edge, width: edge });
// Extractors of before transformers 4.26 wrote plain numbers.
const fieldsOf = z.object({
  do_resize: z.boolean().default(true),
  size: z.union([edge, z.object({ shortest_edge: edge }), z.object({ longest_edge: edge }), box], {
    error: 'a number, shortest_edge, longest_edge, or height and width',
  }),
  use_square_size: z.boolean().default(false),
  resample: z
    .int()
    .refine((code) => resampleCodes.includes(code), { error: `one of ${resampleCodes} (Pillow's numbers)` }),
  do_center_crop: z.boolean(),
  crop_size: z.union([edge, box], { error: 'a number, or height and width' }).default(224),
  do_rescale: z.boolean().default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: three,
  image_std: three.refine((std) => std.every((x) => x > 0), { error: 'three positive numbers' }),
  torchvision_crop: z.boolean().optional(), // promptkd's own, see PreprocessConfig
});

const { mean, std } = clipPreprocess(224);
const clipDefaults = { size: 224, resample: 3, do_center_crop: true, image_mean: mean, image_std: std };
const half = [0.5, 0.5, 0.5];
const squareDefaults = {
  ...{ size: { height: 224, width: 224 }, do_center_crop: false, image_mean: half, image_std: half },
};

/** What transformers' image processors take for fields that a file leaves out. */
const defaults: Readonly<Record<string, object>> = {
  CLIP: clipDefaults,
  ChineseCLIP: clipDefaults,
  Bit: clipDefaults,
  Siglip: { ...squareDefaults, resample: 3 },
  ViT: { ...squareDefaults, resample: 2 },
};

/** Fields of other processors that change pixels in a way that is not known here. */
const unknownHere = [
  ...['crop_pct', 'pad_size', 'ensure_multiple_of', 'size_divisor', 'size_divisibility', 'max_size'],
  ...['max_num_patches', 'min_pixels', 'max_pixels', 'rescale_offset', 'interpolation', 'resize_mode', 'fill_color'],
];
/** Steps that are known here, or leave the pixels of a whole RGB image as they are. */
const knownSteps = ['do_resize', 'do_center_crop', 'do_rescale', 'do_normalize', 'do_convert_rgb', 'do_reduce_labels'];

/**
 * Checks a Hugging Face `preprocessor_config.json`, or the `image_processor` of a `processor_config.json`. Missing
 * fields get the defaults of the processor that the file names, CLIPImageProcessor's where it names none. Jina-CLIP's,
 * written in OpenCLIP's terms, is read too.
 *
 * @throws UserError naming file and field: also for a processor, a step or a field that changes pixels in a way that is
 *   not known here, and where the result would not be one square size
 */
export function parsePreprocessConfig(json: unknown, file = 'preprocessor_config.json'): PreprocessConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new UserError(`${file}: expected a JSON object, got ${show(json)}`);
  }
  const fields = Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null));
  const kind = processorKind(fields, file);
  if (kind === 'JinaCLIP') {
    return openClipPreprocess(fields, checked(edge, fields.size ?? 224, file, 'size'), file);
  }
  refuseUnknown(fields, file);
  return fromFields(checked(fieldsOf, { ...defaults[kind]!, ...fields }, file), file);
}

function checked<T>(schema: z.ZodType<T>, value: unknown, file: string, field?: string): T {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, file, field);
  return parsed.data;
}

/** `CLIP` of `CLIPImageProcessor`, its fast and Pillow forms, and the older `CLIPFeatureExtractor`. */
function processorKind(fields: Record<string, unknown>, file: string): string {
  const field = fields.image_processor_type === undefined ? 'feature_extractor_type' : 'image_processor_type';
  const name = fields[field];
  if (name === undefined) return 'CLIP';
  const kind = typeof name === 'string' ? /^(\w+?)(ImageProcessor(Fast|Pil)?|FeatureExtractor)$/.exec(name)?.[1] : '';
  if (kind && (kind === 'JinaCLIP' || Object.hasOwn(defaults, kind))) return kind;
  const why = kind === 'Siglip2' ? ': its images vary in size (NaFlex); use a SigLIP 2 of fixed resolution' : '';
  const known = [...Object.keys(defaults), 'JinaCLIP'].map((each) => `${each}ImageProcessor`).join(', ');
  throw new UserError(`${file}: ${field}: expected one of ${known}, got ${show(name)}${why}`);
}

function refuseUnknown(fields: Record<string, unknown>, file: string): void {
  for (const [name, value] of Object.entries(fields)) {
    const isStep = name.startsWith('do_') && value === true && !knownSteps.includes(name);
    if (!isStep && !(unknownHere.includes(name) && value !== false)) continue;
    throw new UserError(
      `${file}: ${name}: expected none, got ${show(value)}: it changes pixels in a way that is not supported; take it out where it has no effect`,
    );
  }
}

function fromFields(c: z.infer<typeof fieldsOf>, file: string): PreprocessConfig {
  let resize = c.do_resize ? resizeOf(c.size) : undefined;
  if (c.use_square_size && typeof resize === 'number') resize = [resize, resize];
  const crop =
    typeof c.crop_size === 'number'
      ? ([c.crop_size, c.crop_size] as const)
      : ([c.crop_size.height, c.crop_size.width] as const);
  const result = c.do_center_crop ? crop : resize;
  if (result === undefined || typeof result === 'number' || 'longest' in result) {
    throw new UserError(
      `${file}: do_center_crop: expected true, or a size of height and width: images would come out in different sizes`,
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
    ...(c.torchvision_crop && { torchvisionCrop: true }),
    resample: c.resample,
    rescale: c.do_rescale ? c.rescale_factor : 1,
    mean: c.do_normalize ? c.image_mean : [0, 0, 0],
    std: c.do_normalize ? c.image_std : [1, 1, 1],
  };
}

function resizeOf(size: z.infer<typeof fieldsOf>['size']): Resize {
  if (typeof size === 'number') return size;
  if ('shortest_edge' in size) return size.shortest_edge;
  return 'longest_edge' in size ? { longest: size.longest_edge } : [size.height, size.width];
}

/**
 * The `preprocessor_config.json` of a configuration. Two things go beyond what CLIPImageProcessor of transformers reads:
 * it refuses `longest_edge`, and passes over `torchvision_crop`, so that its crop can lie one pixel aside.
 */
export function preprocessConfigJson(config: PreprocessConfig): object {
  const { size, resize = size } = config;
  return {
    image_processor_type: 'CLIPImageProcessor',
    do_convert_rgb: true,
    do_resize: config.resize !== undefined,
    size: sizeJson(resize),
    resample: config.resample,
    do_center_crop: config.crop,
    crop_size: { height: size, width: size },
    ...(config.torchvisionCrop && { torchvision_crop: true }),
    do_rescale: true,
    rescale_factor: config.rescale,
    do_normalize: true,
    image_mean: config.mean,
    image_std: config.std,
  };
}

function sizeJson(resize: Resize): object {
  if (typeof resize === 'number') return { shortest_edge: resize };
  return 'longest' in resize ? { longest_edge: resize.longest } : { height: resize[0], width: resize[1] };
}
