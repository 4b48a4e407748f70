import { z } from 'zod';
import { dtypes } from '../clip/index.js';
import { pivotLanguages } from './text/index.js';

const share = z.number().min(0).max(1);
const positive = z.number().positive();

const range = (bound: z.ZodNumber) =>
  z.tuple([bound, bound]).refine(([low, high]) => low <= high, { error: 'expected the smaller number first' });

const erasing = z.strictObject({
  probability: share.default(0.5),
  scale: range(share).default([0.02, 0.33]),
  ratio: range(positive).default([0.3, 3.3]),
  fill: z.enum(['colour', 'mean', 'noise']).default('mean'),
});

/** What a recipe may say; what it leaves out is the preset's. */
const fields = z.strictObject({
  /**
   * `drawings`: mild, with rotation, colours, gray and erasing, made for small drawings. `photos`: torchvision's usual for
   * photographs, RandomResizedCrop, ColorJitter(0.4, 0.4, 0.4) and flip. `crop`: bicubic RandomResizedCrop and flip alone,
   * as CLIP's prompts are tuned (CoOp and what followed).
   */
  preset: z.enum(['drawings', 'photos', 'crop']).optional(),
  /** Share of the area that a random crop keeps: the smallest (the largest is 1), or smallest and largest. */
  scale: z.union([share.min(0.01), range(share.min(0.01))]).optional(),
  /** Aspect ratio of the crop: its largest change either way (4/3 as in RandomResizedCrop), or smallest and largest. */
  ratio: z.union([z.number().min(1).max(4), range(positive)]).optional(),
  /**
   * RandomResizedCrop out of the whole image with all its pixels, antialiased, as torchvision does it. Left out: out of
   * a copy of at most 512 pixels a side, of a square of the shorter edge, with flip and rotation in one bilinear sampling,
   * which is quicker and enough for small images.
   */
  interpolation: z.enum(['bilinear', 'bicubic']).optional(),
  /** Probability of a mirrored image. */
  flip: share.optional(),
  /** Largest rotation either way, in degrees. */
  rotation: z.number().min(0).max(180).optional(),
  /** RandAugment: operations an image, all of one magnitude from 0 to 30. Left out: none. */
  randaugment: z
    .strictObject({
      operations: z.int().min(1).max(14).default(2),
      magnitude: z.number().min(0).max(30).default(9),
    })
    .optional(),
  /** Brightness, contrast and saturation are scaled by factors from 1 − jitter to 1 + jitter; one, or one for each. */
  jitter: z.union([share, z.tuple([share, share, share])]).optional(),
  /** Largest turn of the hue either way, as a share of the colour circle. */
  hue: z.number().min(0).max(0.5).optional(),
  /** Probability of an image without colours. */
  grayscale: share.optional(),
  /** Gaussian blur with a deviation from a range, in pixels; the kernel is a tenth of the image. Left out: none. */
  blur: z
    .strictObject({
      probability: share.default(0.5),
      sigma: range(positive).default([0.1, 2]),
      kernel: z
        .int()
        .positive()
        .refine((kernel) => kernel % 2 === 1, { error: 'expected an odd number' })
        .optional(),
    })
    .optional(),
  /** Probability that a rectangle is painted over; or RandomErasing with torchvision's parameters. */
  erasing: z.union([share, erasing]).optional(),
  /** A random background behind transparent images; without it, white. */
  background: z.boolean().optional(),
  /**
   * Two images in one: mixup and CutMix by their α. A teacher answers for the mixed image; in contrastive training the
   * texts of both match it, by λ and 1 − λ. Left out: none.
   */
  mix: z
    .strictObject({
      mixup: z.number().min(0).default(0),
      cutmix: z.number().min(0).default(0),
      /** Of a view, or in contrastive training of a batch, whose images share λ. */
      probability: share.default(1),
    })
    .refine(({ mixup, cutmix }) => mixup > 0 || cutmix > 0, { error: 'expected mixup or cutmix above 0' })
    .optional(),
  /** Captions said another way; class names stay. Left out: as they are. */
  text: z
    .strictObject({
      /** Probability that a word becomes a synonym. */
      synonyms: share.default(0.3),
      /** Probability that a caption is said another way: word order, active and passive, more general words. */
      paraphrase: share.default(0),
      /** Probability that a noun, or with `models.translation` the caption, becomes what it comes back as. */
      back_translation: share.default(0),
      language: z.enum(pivotLanguages).default('fr'),
      /** In distillation, how often a caption is said another way beside itself, the teacher's features stored for each. */
      variants: z.int().positive().default(4),
      /** Models instead of rules, run once before training: hub ids or folders. Left out: the built-in rules. */
      models: z
        .strictObject({
          translation: z.strictObject({ there: z.string().min(1), back: z.string().min(1) }).optional(),
          paraphrase: z.strictObject({ model: z.string().min(1), prefix: z.string().optional() }).optional(),
          dtype: z.enum(dtypes).optional(),
        })
        .optional(),
    })
    .optional(),
});

type Fields = Omit<z.infer<typeof fields>, 'preset'>;
type Usual = 'scale' | 'ratio' | 'flip' | 'rotation' | 'jitter' | 'hue' | 'grayscale' | 'erasing' | 'background';

/** Augmentation of a recipe, complete. */
export type AugmentOptions = Fields & Required<Pick<Fields, Usual>>;

type Preset = NonNullable<z.infer<typeof fields>['preset']>;

const crop = { scale: 0.08, ratio: 4 / 3, flip: 0.5, rotation: 0, jitter: 0, hue: 0, grayscale: 0, erasing: 0 };
const presets: Readonly<Record<Preset, AugmentOptions>> = {
  drawings: {
    ...{ scale: 0.5, ratio: 4 / 3, flip: 0.5, rotation: 15, jitter: 0.4, hue: 0, grayscale: 0.1, erasing: 0.25 },
    background: true,
  },
  photos: { ...crop, jitter: 0.4, background: false, interpolation: 'bilinear' },
  crop: { ...crop, background: false, interpolation: 'bicubic' },
};

/** The augmentation block of a recipe, with what it is where the recipe says nothing. */
export const augmentBlock = (usual: Preset) =>
  fields.transform(({ preset = usual, ...given }): AugmentOptions => ({ ...presets[preset], ...given }));

/** The block of recipes for the built-in drawings. */
export const augmentOptions = augmentBlock('drawings');

/** Views that keep their own label: nothing of another image in them. */
export function unmixed({ mix: _, ...own }: AugmentOptions): AugmentOptions {
  return own;
}

/** What decides how images look. */
export function imageOptions({ text: _, ...own }: AugmentOptions): AugmentOptions {
  return own;
}
