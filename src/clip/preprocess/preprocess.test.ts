import { describe, expect, it } from 'vitest';
import { normalizePixels } from './pixels.js';
import { clipPreprocess, preprocessAt } from './preprocess-config.js';
import { parsePreprocessConfig, preprocessConfigJson } from './processor-config.js';

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
    expect(parsePreprocessConfig({ image_mean: 0.5, image_std: 0.25 })).toMatchObject({
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
    });
  });

  it('takes the defaults of the processor that is named', () => {
    const half = [0.5, 0.5, 0.5];
    const square = { size: 224, resize: [224, 224], crop: false, mean: half, std: half };
    const of = (name: string) => parsePreprocessConfig({ image_processor_type: name });
    expect(of('SiglipImageProcessorFast')).toMatchObject({ ...square, resample: 3 });
    expect(of('ViTImageProcessor')).toMatchObject({ ...square, resample: 2 });
    expect(parsePreprocessConfig({ feature_extractor_type: 'ViTFeatureExtractor' })).toMatchObject(square);
    expect(of('CLIPImageProcessorFast')).toEqual(clipPreprocess(224));
    const jina = {
      image_processor_type: 'JinaCLIPImageProcessor',
      size: 128,
      interpolation: 'bilinear',
      fill_color: 0,
    };
    expect(parsePreprocessConfig({ ...jina, resize_mode: 'squash' })).toMatchObject({
      resize: [128, 128],
      resample: 2,
    });
    expect(parsePreprocessConfig({ ...jina, resize_mode: 'longest' })).toMatchObject({ resize: { longest: 128 } });
  });

  it('passes over what leaves pixels as they are', () => {
    const more = { do_pad: null, pad_size: null, do_convert_rgb: true, data_format: 'channels_first', device: 'cpu' };
    expect(parsePreprocessConfig({ ...more, do_flip_channel_order: false })).toEqual(clipPreprocess(224));
  });

  it('reads what it writes', () => {
    const configs = [
      clipPreprocess(48),
      { ...clipPreprocess(48), resize: [48, 48] as const, crop: false },
      { ...clipPreprocess(48), resize: undefined },
      { ...clipPreprocess(48), resize: 64, resample: 0, torchvisionCrop: true },
      { ...clipPreprocess(48), resize: { longest: 48 }, torchvisionCrop: true },
    ];
    for (const config of configs) expect(parsePreprocessConfig(preprocessConfigJson(config))).toEqual(config);
  });

  it.each([
    ['text', 'f: expected a JSON object, got "text"'],
    [[], 'f: expected a JSON object, got []'],
    [{ size: 'large' }, 'f: size: expected: a number, shortest_edge, longest_edge, or height and width, got "large"'],
    [{ resample: 6 }, "f: resample: expected: one of 0,1,2,3,4,5 (Pillow's numbers), got 6"],
    [{ do_flip_channel_order: true }, 'f: do_flip_channel_order: expected none, got true: it changes pixels'],
    [{ do_pad: true }, 'f: do_pad: expected none'],
    [{ crop_pct: 0.9 }, 'f: crop_pct: expected none, got 0.9'],
    [{ resize_mode: 'squash' }, 'f: resize_mode: expected none, got "squash"'],
    [{ image_processor_type: 'Siglip2ImageProcessor' }, /f: image_processor_type: expected one of .*NaFlex/],
    [{ feature_extractor_type: 'ConvNextFeatureExtractor' }, /f: feature_extractor_type: expected one of CLIP/],
    [
      { image_processor_type: 'JinaCLIPImageProcessor', resize_mode: 'fit' },
      /f: resize_mode: expected one of shortest/,
    ],
    [{ image_processor_type: 'JinaCLIPImageProcessor', fill_color: 128 }, /f: fill_color: expected: 0/],
    [{ size: { longest_edge: 224 }, do_center_crop: false }, 'f: do_center_crop: expected true'],
    [{ image_mean: [0.5] }, 'f: image_mean'],
    [{ image_std: [1, 0, 1] }, 'f: image_std: expected: three positive numbers, got [1,0,1]'],
    [{ crop_size: { height: 224, width: 200 } }, 'f: crop_size: expected a square, got 224×200'],
    [{ do_center_crop: false, size: 224 }, 'f: do_center_crop: expected true'],
  ])('refuses %j', (json, message) => {
    expect(() => parsePreprocessConfig(json, 'f')).toThrow(message);
  });
});

it('keeps the proportion of resize to crop at another size', () => {
  const config = { ...clipPreprocess(224), resize: 256 };
  expect(preprocessAt(config, 112)).toMatchObject({ size: 112, resize: 128 });
  expect(preprocessAt({ ...config, resize: { longest: 224 } }, 96).resize).toEqual({ longest: 96 });
  expect(preprocessAt({ ...config, resize: [224, 224] }, 96).resize).toEqual([96, 96]);
  expect(preprocessAt({ ...config, resize: undefined }, 96).resize).toBe(96);
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
