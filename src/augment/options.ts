import { z } from 'zod';

const share = z.number().min(0).max(1);

/** Image augmentation of a recipe; every number at its mildest leaves the picture as it is. */
export const augmentOptions = z.strictObject({
  /** Smallest share of the area that a random crop keeps; the largest is 1. */
  scale: share.min(0.01).default(0.5),
  /** Largest change of the crop's aspect ratio, either way: 4/3 as in RandomResizedCrop. */
  ratio: z
    .number()
    .min(1)
    .max(4)
    .default(4 / 3),
  /** Probability of a mirrored picture. */
  flip: share.default(0.5),
  /** Largest rotation either way, in degrees. */
  rotation: z.number().min(0).max(180).default(15),
  /** Brightness, contrast and saturation are scaled by factors from 1 − jitter to 1 + jitter. */
  jitter: share.default(0.4),
  /** Largest turn of the hue either way, as a share of the colour circle. */
  hue: z.number().min(0).max(0.5).default(0),
  /** Probability of a picture without colours. */
  grayscale: share.default(0.1),
  /** Probability that a rectangle is painted over. */
  erasing: share.default(0.25),
  /** A random background behind transparent pictures; without it, white. */
  background: z.boolean().default(true),
});

export type AugmentOptions = z.infer<typeof augmentOptions>;
