/**
 * How the edges of an image change before the crop:
 * - a number: the shortest edge gets that length, the other keeps the shape, its fraction cut off (transformers, torchvision);
 * - `longest`: the longest edge gets it, the other is rounded half to even (OpenCLIP's `resize_mode` of that name);
 * - a height and a width: both, whatever the shape ("squash").
 */
export type Resize = number | { readonly longest: number } | readonly [height: number, width: number];

/** How an image becomes the vision tower's input: resize, centre crop, ·rescale, −mean, ÷std. */
export interface PreprocessConfig {
  /** Side of the square that comes out. */
  readonly size: number;
  /** Undefined: no resizing. */
  readonly resize: Resize | undefined;
  /** Cut (or fill with black) to size × size around the centre. */
  readonly crop: boolean;
  /**
   * Half a pixel at the crop's edge is rounded to even and less goes before a short image than behind it, as torchvision
   * (and so OpenCLIP) does it. Left out: rounded down, and more goes before it, as transformers does it.
   */
  readonly torchvisionCrop?: boolean;
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

/** The same for a square of another size: an edge that is longer than the crop stays so in proportion. */
export function preprocessAt(config: PreprocessConfig, size: number): PreprocessConfig {
  if (size === config.size) return config;
  return { ...config, size, resize: resizeAt(config.resize, size / config.size) ?? size };
}

function resizeAt(resize: Resize | undefined, scale: number): Resize | undefined {
  const scaled = (edge: number) => Math.max(1, Math.round(edge * scale));
  if (resize === undefined || typeof resize === 'number') return resize && scaled(resize);
  return 'longest' in resize ? { longest: scaled(resize.longest) } : [scaled(resize[0]), scaled(resize[1])];
}
