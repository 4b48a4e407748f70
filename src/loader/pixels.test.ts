import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { clipPreprocess } from '../clip/preprocess/preprocess-config.js';
import { decodeImage } from '../data/images/decode.js';
import { configs, digest, folder, golden } from '../test/preprocess.fixture.js';
import { preprocessImage } from './pixels.js';

const temporary = mkdtempSync(join(tmpdir(), 'promptkd-pixels-'));
afterAll(() => rmSync(temporary, { recursive: true }));

describe('preprocessImage makes Pillow’s pixels, level for level', () => {
  for (const [image, made] of Object.entries(golden)) {
    it.each(Object.entries(made))(`of ${image} as %s asks`, async (name, expected) => {
      const config = configs[name]!;
      expect(digest(await preprocessImage(join(folder, image), config), config)).toEqual(expected);
    });
  }
});

describe('preprocessImage', () => {
  const config = { ...clipPreprocess(8), rescale: 1, mean: [0, 0, 0] as const, std: [1, 1, 1] as const };
  const solid = (channels: 3 | 4, width = 8, height = 8) =>
    sharp({ create: { width, height, channels, background: { r: 10, g: 20, b: 30, alpha: 0.5 } } }).png();
  const [red, green, blue] = [0, 64, 128];
  const corner = (pixels: Float32Array) => [pixels[red], pixels[green], pixels[blue]];

  it('puts transparent parts on white', async () => {
    const half = 128 / 255;
    const onWhite = [10, 20, 30].map((level) => Math.round(level * half + 255 * (1 - half)));
    expect(corner(await preprocessImage(await solid(4).toBuffer(), config))).toEqual(onWhite);
    const grey = await solid(4).toColourspace('b-w').toBuffer();
    expect((await sharp(grey).metadata()).channels).toBe(2);
    const [level, ...others] = corner(await preprocessImage(grey, config));
    expect(others).toEqual([level, level]);
    expect(level).toBeGreaterThan(128);
  });

  it('reads grey, palette and 16-bit images', async () => {
    const [grey, palette, deep] = await Promise.all(
      [
        solid(3).grayscale().toBuffer(),
        solid(3).png({ palette: true }).toBuffer(),
        solid(3).toColourspace('rgb16').toBuffer(),
      ].map(async (bytes) => corner(await preprocessImage(await bytes, config))),
    );
    expect(grey![0]).toBe(grey![2]);
    expect(palette).toEqual([10, 20, 30]);
    expect(deep).toEqual([10, 20, 30]);
  });

  it('turns an image upright by its EXIF data', async () => {
    const wide = Buffer.from(Uint8Array.from({ length: 8 * 4 * 3 }, (_, i) => (i < 4 * 8 * 3 * 0.5 ? 250 : 5)));
    const turned = await sharp(wide, { raw: { width: 8, height: 4, channels: 3 } })
      .withMetadata({ orientation: 6 }) // shown turned by a quarter: the upper half lies on the right
      .png()
      .toBuffer();
    const pixels = await preprocessImage(turned, { ...config, resize: [8, 8], crop: false, resample: 0 });
    expect([...pixels.subarray(0, 8)]).toEqual([5, 5, 5, 5, 250, 250, 250, 250]);
  });

  it.each([
    ['8 bits', 'srgb'],
    ['16 bits', 'rgb16'],
  ])('applies an embedded profile, of %s a channel', async (_, space) => {
    const levels = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => (i * 37) % 256);
    const image = sharp(levels, { raw: { width: 8, height: 8, channels: 3 } });
    const tagged = await image.toColourspace(space).withIccProfile('p3').png().toBuffer();
    const stored = await sharp(tagged, { ignoreIcc: true }).toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer();
    const far = (other: Uint8Array, pixels: Float32Array) =>
      levels.reduce((sum, _, i) => sum + Math.abs(other[i]! - pixels[(i % 3) * 64 + Math.floor(i / 3)]!), 0) /
      levels.length;
    const pixels = await preprocessImage(tagged, config);
    expect(far(stored, pixels)).toBeGreaterThan(5);
    expect(far(levels, pixels)).toBeLessThan(1);
  });

  it('takes a decoded image as it takes its file', async () => {
    const file = join(folder, 'photo.jpg');
    const decoded = await decodeImage(file, file, { longest: Number.POSITIVE_INFINITY });
    expect(decoded).toMatchObject({ width: 500, height: 375 });
    expect(await preprocessImage(decoded, clipPreprocess(32))).toEqual(await preprocessImage(file, clipPreprocess(32)));
  });

  it('fills with black where there is less image than crop', async () => {
    const pixels = await preprocessImage(await solid(3, 4, 6).toBuffer(), { ...config, resize: undefined });
    const inside = [...pixels.subarray(0, 64)].flatMap((value, i) => (value === 10 ? [i] : []));
    expect(inside).toEqual([1, 2, 3, 4, 5, 6].flatMap((y) => [2, 3, 4, 5].map((x) => y * 8 + x)));
    expect(pixels.subarray(0, 64).filter((value) => value === 0)).toHaveLength(40);
  });

  it('names the image that cannot be read', async () => {
    const path = join(temporary, 'broken.png');
    const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
    const whole = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red', noise } })
      .png()
      .toBuffer();
    writeFileSync(path, whole.subarray(0, whole.length / 2));
    await expect(preprocessImage(path, config)).rejects.toThrow(/broken.png: expected .* got one that is damaged: /);
    await expect(preprocessImage(join(temporary, 'none.png'), config)).rejects.toThrow(/none.png: .*no such file/);
    await expect(preprocessImage(await solid(3, 20000, 1).toBuffer(), clipPreprocess(224))).rejects.toThrow(
      /thin strip/,
    );
  });
});
