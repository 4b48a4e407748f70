import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { RawImage } from '../data/index.js';
import { Random } from '../math/random.js';
import { type AugmentOptions, augmentImage, augmentOptions, onWhite } from './index.js';

const none: AugmentOptions = augmentOptions.parse({
  scale: 1,
  ratio: 1,
  flip: 0,
  rotation: 0,
  jitter: 0,
  hue: 0,
  grayscale: 0,
  erasing: 0,
  background: false,
});

/** A red square, half as wide as the image, in the upper left corner; transparent elsewhere, or green. */
function square(size: number, channels: 3 | 4): RawImage {
  const data = new Uint8Array(size * size * channels);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const inside = x < size / 2 && y < size / 2;
      data.set(inside ? [255, 0, 0] : [0, 255, 0], (y * size + x) * channels);
      if (channels === 4) data[(y * size + x) * 4 + 3] = inside ? 255 : 0;
    }
  }
  return { width: size, height: size, channels, data };
}

const at = (rgb: Uint8Array, size: number, x: number, y: number) => [...rgb.subarray((y * size + x) * 3).slice(0, 3)];
const random = (i = 0) => new Random('test', i);

describe('augmentImage', () => {
  it('leaves an image as it is where nothing is asked for', () => {
    expect(augmentImage(square(8, 3), 8, none, random())).toEqual(onWhite(square(8, 3)));
    expect(augmentImage(square(8, 4), 8, none, random())).toEqual(onWhite(square(8, 4)));
    expect(at(onWhite(square(8, 4)), 8, 7, 7)).toEqual([255, 255, 255]);
  });

  it('depends on the random stream alone', () => {
    const options = augmentOptions.parse({});
    const one = augmentImage(square(16, 4), 12, options, random(1));
    expect(augmentImage(square(16, 4), 12, options, random(1))).toEqual(one);
    expect(augmentImage(square(16, 4), 12, options, random(2))).not.toEqual(one);
  });

  it('turns the hue, and leaves gray as it is', () => {
    // A third of the circle: red becomes green, or blue. The share in between decides saturation and value.
    const one = (colour: number[], i: number) =>
      augmentImage(
        { width: 1, height: 1, channels: 3, data: Uint8Array.from(colour) },
        1,
        { ...none, hue: 0.5 },
        random(i),
      );
    for (let i = 0; i < 50; i++) {
      const turned = [...one([200, 50, 50], i)];
      expect([Math.max(...turned), Math.min(...turned)]).toEqual([200, 50]);
      expect([...one([90, 90, 90], i)]).toEqual([90, 90, 90]);
    }
    const reds = Array.from({ length: 600 }, (_, i) => one([255, 0, 0], i)[0]!);
    // Red is full on a third of the circle and empty on a third.
    for (const value of [0, 255]) {
      const share = reds.filter((red) => red === value).length / reds.length;
      expect(Math.abs(share - 1 / 3)).toBeLessThan(0.06);
    }
  });

  it('keeps the views of earlier recipes, bit for bit', () => {
    const sum = createHash('sha256');
    const noise = new Random('picture');
    const image = (width: number, height: number, channels: 3 | 4): RawImage => ({
      ...{ width, height, channels },
      data: Uint8Array.from({ length: width * height * channels }, () => noise.int(256)),
    });
    const images = [image(40, 30, 3), image(24, 24, 4)];
    for (const given of [{}, { erasing: 1, scale: 0.1, ratio: 2, hue: 0.1 }]) {
      const options = augmentOptions.parse(given);
      for (let i = 0; i < 200; i++) sum.update(augmentImage(images[i % 2]!, 16, options, new Random('bits', i)));
    }
    expect(sum.digest('hex').slice(0, 16)).toBe('dac631adebc3e259');
  });

  it.each([
    ['interpolation', { interpolation: 'bicubic' }],
    ['randaugment', { randaugment: { magnitude: 20 } }],
    ['blur', { blur: { probability: 1, sigma: [1, 2], kernel: 3 } }],
    ['jitter', { jitter: [0, 0, 0.9] }],
    ['erasing', { erasing: { probability: 1, fill: 'noise' } }],
    ['ratio', { ratio: [2, 3] }],
    ['scale', { scale: [0.2, 0.3] }],
  ])('has an effect: %s', (_name, given) => {
    const image = {
      width: 30,
      height: 20,
      channels: 3 as const,
      data: Uint8Array.from({ length: 1800 }, (_, i) => (i * 89) % 256),
    };
    const options = augmentOptions.parse({ ...none, ...given });
    const changed = [1, 2, 3, 4].filter((i) => {
      const made = augmentImage(image, 12, options, random(i));
      expect(augmentImage(image, 12, options, random(i))).toEqual(made);
      return Buffer.compare(made, augmentImage(image, 12, none, random(i))) !== 0;
    });
    expect(changed.length).toBeGreaterThan(1);
  });

  it('has a preset for photographs: RandomResizedCrop, ColorJitter(0.4, 0.4, 0.4) and flip', () => {
    expect(augmentOptions.parse({ preset: 'photos', flip: 0.25 })).toEqual({
      ...{ scale: 0.08, ratio: 4 / 3, flip: 0.25, rotation: 0, jitter: 0.4, hue: 0, grayscale: 0, erasing: 0 },
      ...{ background: false, interpolation: 'bilinear' },
    });
  });

  it.each([
    [{ scale: [0.5, 0.2] }, 'the smaller number first'],
    [{ blur: { kernel: 4 } }, 'an odd number'],
    [{ mix: {} }, 'mixup or cutmix above 0'],
    [{ randaugment: { magnitude: 31 } }, '30'],
  ])('refuses %j', (given, reason) => {
    const { error } = augmentOptions.safeParse(given);
    expect(JSON.stringify(error?.issues)).toContain(reason);
  });

  it('mirrors half of the views', () => {
    let mirrored = 0;
    for (let i = 0; i < 400; i++) {
      const rgb = augmentImage(square(8, 3), 8, { ...none, flip: 0.5 }, random(i));
      if (at(rgb, 8, 7, 0)[0] === 255) mirrored++;
    }
    expect(mirrored).toBeGreaterThan(160);
    expect(mirrored).toBeLessThan(240);
  });

  it('crops at least the share of the area asked for', () => {
    // The gradient's range in the view is the share of the width that is seen.
    const ramp: RawImage = { width: 64, height: 64, channels: 3, data: new Uint8Array(64 * 64 * 3) };
    for (let i = 0; i < ramp.data.length; i++) ramp.data[i] = Math.floor(i / 3) % 64;
    const shares = Array.from({ length: 300 }, (_, i) => {
      const rgb = augmentImage(ramp, 32, { ...none, scale: 0.25 }, random(i));
      return (((at(rgb, 32, 31, 16)[0]! - at(rgb, 32, 0, 16)[0]!) / 31) * 32) / 64;
    });
    expect(Math.min(...shares)).toBeGreaterThan(0.45);
    expect(Math.min(...shares)).toBeLessThan(0.6);
    expect(Math.max(...shares)).toBeLessThan(1.05);
    // Areas are uniform between 1/4 and 1, so the mean width is ∫√a da / 0.75 = 7/9.
    expect(shares.reduce((a, b) => a + b) / shares.length).toBeCloseTo(7 / 9, 1);
  });

  it('turns about the centre', () => {
    const turned = Array.from({ length: 50 }, (_, i) =>
      augmentImage(square(32, 4), 32, { ...none, rotation: 180 }, random(i)),
    );
    // The red square's corner touches the centre, so some of it always stays next to it.
    for (const rgb of turned) {
      const near = [at(rgb, 32, 13, 13), at(rgb, 32, 18, 13), at(rgb, 32, 13, 18), at(rgb, 32, 18, 18)];
      expect(near.some(([, green]) => green! < 200)).toBe(true);
    }
    expect(turned.filter((rgb) => at(rgb, 32, 24, 24)[1]! < 128).length).toBeGreaterThan(3);
  });

  it('scales brightness within the bounds, and takes colours away', () => {
    const flat: RawImage = { width: 8, height: 8, channels: 3, data: new Uint8Array(8 * 8 * 3).fill(100) };
    const values = Array.from(
      { length: 300 },
      (_, i) => augmentImage(flat, 8, { ...none, jitter: 0.4 }, random(i))[0]!,
    );
    expect(Math.min(...values)).toBeGreaterThanOrEqual(60);
    expect(Math.max(...values)).toBeLessThanOrEqual(140);
    expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(70);
    const gray = augmentImage(square(8, 3), 8, { ...none, grayscale: 1 }, random());
    expect(at(gray, 8, 0, 0)).toEqual([76, 76, 76]);
  });

  it('paints over a part', () => {
    const plain = onWhite(square(32, 3));
    for (let i = 0; i < 50; i++) {
      const rgb = augmentImage(square(32, 3), 32, { ...none, erasing: 1 }, random(i));
      const changed = rgb.filter((value, k) => value !== plain[k]).length / rgb.length;
      expect(changed).toBeGreaterThan(0);
      expect(changed).toBeLessThan(0.25);
    }
  });

  it('puts backgrounds behind transparent images only', () => {
    const behind = Array.from({ length: 60 }, (_, i) =>
      at(augmentImage(square(8, 4), 8, { ...none, background: true }, random(i)), 8, 7, 7).join(),
    );
    expect(new Set(behind).size).toBeGreaterThan(20);
    expect(behind.filter((colour) => colour === '255,255,255').length).toBeGreaterThan(10);
    expect(augmentImage(square(8, 3), 8, { ...none, background: true }, random())).toEqual(onWhite(square(8, 3)));
  });
});
