import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { normalizePixels } from './pixels.js';
import { preprocessImage } from './preprocess.js';
import { clipPreprocess, parsePreprocessConfig, preprocessConfigJson } from './preprocess-config.js';

describe('parsePreprocessConfig', () => {
  it('reads the variants in the wild', () => {
    const clip = clipPreprocess(224);
    expect(parsePreprocessConfig({})).toEqual(clip);
    expect(
      parsePreprocessConfig({ size: 224, crop_size: 224, feature_extractor_type: 'CLIPFeatureExtractor', resample: 3 }),
    ).toEqual(clip);
    expect(parsePreprocessConfig({ size: { shortest_edge: 224 }, crop_size: { height: 224, width: 224 } })).toEqual(
      clip,
    );
    const squash = { do_center_crop: false, size: { height: 384, width: 384 }, resample: 2, crop_size: null };
    expect(parsePreprocessConfig(squash)).toMatchObject({ size: 384, resize: [384, 384], crop: false, resample: 2 });
    expect(parsePreprocessConfig({ do_rescale: false, do_normalize: false })).toMatchObject({
      rescale: 1,
      mean: [0, 0, 0],
      std: [1, 1, 1],
    });
    expect(parsePreprocessConfig({ do_resize: false })).toMatchObject({ resize: undefined, size: 224 });
  });

  it('reads what it writes', () => {
    const configs = [
      clipPreprocess(48),
      { ...clipPreprocess(48), resize: [48, 48] as const, crop: false },
      { ...clipPreprocess(48), resize: undefined },
    ];
    for (const config of configs) expect(parsePreprocessConfig(preprocessConfigJson(config))).toEqual(config);
  });

  it.each([
    ['text', 'f: content: expected object'],
    [{ size: 'large' }, 'f: size: expected: a number, shortest_edge, or height and width, got "large"'],
    [{ resample: 0 }, "f: resample: expected: one of 1,2,3,4,5 (Pillow's numbers), got 0"],
    [{ image_mean: [0.5] }, 'f: image_mean'],
    [{ image_std: [1, 0, 1] }, 'f: image_std: expected: three positive numbers, got [1,0,1]'],
    [{ crop_size: { height: 224, width: 200 } }, 'f: crop_size: expected a square, got 224×200'],
    [{ do_center_crop: false, size: 224 }, 'f: do_center_crop: expected true'],
  ])('refuses %j', (json, message) => {
    expect(() => parsePreprocessConfig(json, 'f')).toThrow(message);
  });
});

describe('preprocessImage', () => {
  const config = { ...clipPreprocess(8), rescale: 1, mean: [0, 0, 0] as const, std: [1, 1, 1] as const };
  const solid = (channels: 3 | 4, width = 8, height = 8) =>
    sharp({ create: { width, height, channels, background: { r: 10, g: 20, b: 30, alpha: 0.5 } } }).png();

  it('drops the alpha channel without compositing, as Pillow does', async () => {
    const pixels = await preprocessImage(await solid(4).toBuffer(), config);
    expect([pixels[0], pixels[64], pixels[128]]).toEqual([10, 20, 30]);
  });

  it('reads gray, palette and 16-bit pictures', async () => {
    const buffers = [
      solid(3).grayscale().toBuffer(),
      solid(3).png({ palette: true }).toBuffer(),
      solid(4).toColourspace('rgb16').toBuffer(),
    ];
    const [gray, palette, deep] = await Promise.all(
      buffers.map(async (buffer) => preprocessImage(await buffer, config)),
    );
    expect(gray![0]).toBe(gray![128]);
    expect([palette![0], palette![64], palette![128]]).toEqual([10, 20, 30]);
    expect([deep![0], deep![64], deep![128]]).toEqual([10, 20, 30]);
  });

  it('fills with black where there is less picture than crop', async () => {
    const pixels = await preprocessImage(await solid(3, 4, 6).toBuffer(), { ...config, resize: undefined });
    const inside = [...pixels.subarray(0, 64)].flatMap((value, i) => (value === 10 ? [i] : []));
    expect(inside).toEqual([1, 2, 3, 4, 5, 6].flatMap((y) => [2, 3, 4, 5].map((x) => y * 8 + x)));
    expect(pixels.subarray(0, 64).filter((value) => value === 0)).toHaveLength(40);
  });

  it('names the picture that cannot be read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'promptkd-picture-'));
    try {
      const path = join(folder, 'broken.png');
      const whole = await sharp({
        create: {
          width: 64,
          height: 64,
          channels: 3,
          background: 'red',
          noise: { type: 'gaussian', mean: 128, sigma: 30 },
        },
      })
        .png()
        .toBuffer();
      await writeFile(path, whole.subarray(0, whole.length / 2));
      await expect(preprocessImage(path, config)).rejects.toThrow(
        /broken.png: expected a picture that is whole, got one that is damaged: /,
      );
      await expect(preprocessImage(join(folder, 'none.png'), config)).rejects.toThrow(
        /none.png: expected a picture, found no such file/,
      );
      await expect(preprocessImage(await solid(3, 20000, 1).toBuffer(), clipPreprocess(224))).rejects.toThrow(
        /thin strip/,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('normalizePixels', () => {
  it('moves channels first and normalises', () => {
    const out = new Float32Array(1 + 12);
    const rgb = Uint8Array.of(0, 51, 255, 51, 102, 255, 102, 0, 255, 255, 255, 255);
    normalizePixels(rgb, 2, { rescale: 1 / 255, mean: [0, 0.2, 0.5], std: [1, 0.5, 0.25] }, out, 1);
    const expected = [0, 0, 0.2, 0.4, 1, 0, 0.4, -0.4, 1.6, 2, 2, 2, 2];
    for (const [i, x] of out.entries()) expect(x).toBeCloseTo(expected[i]!, 5);
    expect(() => normalizePixels(rgb, 3, clipPreprocess(3), out, 0)).toThrow(/expected 27 bytes/);
  });
});
