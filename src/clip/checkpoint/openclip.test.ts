import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../files/index.js';
import { loadWeights } from './checkpoint.js';
import { fromOpenClip } from './openclip.js';
import { parseOpenClipConfig } from './openclip-config.js';

const golden = 'fixtures/golden/openclip';
const readConfig = async () => JSON.parse(await readFile(join(golden, 'open_clip_config.json'), 'utf8'));

it('finds the text tower under text., and a linear text projection', async () => {
  const { tensors } = readSafetensors(join(golden, 'open_clip_model.safetensors'));
  const nested = Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [
      name.startsWith('visual.') || name === 'logit_scale' ? name : `text.${name}`,
      tensor,
    ]),
  );
  const plain = fromOpenClip(tensors);
  expect(fromOpenClip(nested)).toEqual(plain);
  delete nested['text.text_projection'];
  nested['text.text_projection.weight'] = plain['text_projection.weight']!;
  expect(fromOpenClip(nested)).toEqual(plain);
});

it('names tensors that it does not know', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'promptkd-openclip-'));
  try {
    const { tensors } = readSafetensors(join(golden, 'open_clip_model.safetensors'));
    const { 'visual.proj': gone, ...rest } = tensors;
    const changed = { ...rest, 'visual.transformer.resblocks.0.ls_1.gamma': gone!, attn_mask: gone! };
    await copyFile(join(golden, 'open_clip_config.json'), join(folder, 'open_clip_config.json'));
    await writeSafetensors(join(folder, 'open_clip_model.safetensors'), changed);
    await expect(loadWeights(folder)).rejects.toThrow(
      /missing visual_projection.weight; unexpected visual.transformer.resblocks.0.ls_1.gamma$/,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('reads activation, widths and preprocessing', async () => {
  const json = await readConfig();
  expect(parseOpenClipConfig(json).config).toMatchObject({
    text_config: { hidden_act: 'gelu', eos_token_id: 511 },
    vision_config: { num_attention_heads: 6 },
  });
  json.model_cfg.quick_gelu = true;
  json.model_cfg.text_cfg.hf_model_name = null;
  json.model_cfg.vision_cfg.mlp_ratio = 4.9231;
  json.preprocess_cfg = {
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
    interpolation: 'bilinear',
    resize_mode: 'squash',
  };
  const { config, preprocess } = parseOpenClipConfig(json);
  expect(config.vision_config).toMatchObject({ hidden_act: 'quick_gelu', intermediate_size: 354, image_size: 24 });
  expect(preprocess).toMatchObject({ size: 24, resize: [24, 24], crop: false, resample: 2, mean: [0.5, 0.5, 0.5] });
});

it.each([
  [
    'vision_cfg',
    { timm_model_name: 'vit_medium_patch16_gap_256' },
    'f: model_cfg.vision_cfg.timm_model_name: the timm tower vit_medium_patch16_gap_256 is not supported',
  ],
  ['vision_cfg', { layers: [3, 4, 6, 3] }, 'f: model_cfg.vision_cfg.layers: ResNet towers are not supported'],
  ['vision_cfg', { head_width: 7 }, 'f: model_cfg.vision_cfg.head_width: 7, no divisor of width 72'],
  ['vision_cfg', { image_size: [24, 32] }, 'f: model_cfg.vision_cfg.image_size: 24×32'],
  ['vision_cfg', { width: 'wide' }, 'f: model_cfg.vision_cfg.width: expected number, got "wide"'],
  [
    'text_cfg',
    { hf_model_name: 'roberta-base' },
    'f: model_cfg.text_cfg.hf_model_name: the Hugging Face text tower roberta-base',
  ],
  ['text_cfg', { pool_type: 'last' }, 'f: model_cfg.text_cfg.pool_type: "last" pooling'],
])('refuses %s %j', async (part, change, message) => {
  const json = await readConfig();
  Object.assign(json.model_cfg[part], change);
  expect(() => parseOpenClipConfig(json, 'f')).toThrow(message);
});
