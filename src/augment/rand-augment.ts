import type { Random } from '../math/index.js';
import { brightness, contrast, saturation } from './colour.js';
import { rotate, shearX, shearY, shiftPixels, translate } from './shift.js';
import { autoContrast, equalize, posterize, sharpness, solarize } from './tone.js';

export interface RandAugmentOptions {
  /** Operations an image, drawn with replacement. */
  readonly operations: number;
  /** Strength of all of them, 0 to 30. */
  readonly magnitude: number;
}

interface Operation {
  /** What the strength means here: `level` goes from 0 to 1. */
  readonly amount: (level: number, size: number) => number;
  /** Whether the amount is negative half of the time. */
  readonly signed: boolean;
  readonly apply: (rgb: Uint8Array, size: number, amount: number) => void;
}

/** torchvision divides every operation's range into 31 strengths. */
const largest = 30;

const enhance = (apply: (rgb: Uint8Array, factor: number, size: number) => void): Operation => ({
  amount: (level) => 0.9 * level,
  signed: true,
  apply: (rgb, size, amount) => apply(rgb, 1 + amount, size),
});
const shear = (map: typeof shearX): Operation => ({
  amount: (level) => 0.3 * level,
  signed: true,
  apply: (rgb, size, amount) => shiftPixels(rgb, size, map(amount)),
});
const move = (map: (pixels: number) => ReturnType<typeof translate>): Operation => ({
  amount: (level, size) => (150 / 331) * size * level,
  signed: true,
  apply: (rgb, size, amount) => shiftPixels(rgb, size, map(Math.trunc(amount))),
});
const plain = (apply: (rgb: Uint8Array) => void): Operation => ({ amount: () => 0, signed: false, apply });

/** The operations under torchvision's names, with its ranges. */
export const randAugmentOperations: Readonly<Record<string, Operation>> = {
  Identity: plain(() => {}),
  ShearX: shear(shearX),
  ShearY: shear(shearY),
  TranslateX: move((pixels) => translate(pixels, 0)),
  TranslateY: move((pixels) => translate(0, pixels)),
  Rotate: {
    amount: (level) => 30 * level,
    signed: true,
    apply: (rgb, size, amount) => shiftPixels(rgb, size, rotate(amount, size)),
  },
  Brightness: enhance(brightness),
  Color: enhance(saturation),
  Contrast: enhance(contrast),
  Sharpness: enhance((rgb, factor, size) => sharpness(rgb, size, factor)),
  Posterize: {
    amount: (level) => 8 - Math.round(level * 4),
    signed: false,
    apply: (rgb, _size, bits) => posterize(rgb, bits),
  },
  Solarize: {
    amount: (level) => 255 * (1 - level),
    signed: false,
    apply: (rgb, _size, threshold) => solarize(rgb, threshold),
  },
  AutoContrast: plain(autoContrast),
  Equalize: plain(equalize),
};

const names = Object.keys(randAugmentOperations);

/**
 * RandAugment (Cubuk et al., arXiv 1909.13719) as in torchvision: operations drawn at random, all of one strength, their
 * direction by lot.
 *
 * @param rgb [size, size, 3], changed in place
 */
export function randAugment(rgb: Uint8Array, size: number, options: RandAugmentOptions, random: Random): void {
  for (let i = 0; i < options.operations; i++) {
    const { amount, signed, apply } = randAugmentOperations[random.pick(names)]!;
    const strength = amount(options.magnitude / largest, size);
    apply(rgb, size, signed && random.float() < 0.5 ? -strength : strength);
  }
}
