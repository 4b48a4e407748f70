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

it('uses norm_kwargs, act_kwargs and an eos_id that is the last token, and passes over what changes nothing', async () => {
  const json = await readConfig();
  Object.assign(json.model_cfg, { custom_text: true, cast_dtype: 'fp16' });
  const more = {
    patch_dropout: 0.5,
    timm_pool: 'avg',
    pos_embed_type: 'learnable',
    ls_init_value: null,
    qk_norm: false,
  };
  const arithmetic = { norm_kwargs: { eps: 1e-6 }, act_kwargs: { approximate: 'tanh' } };
  Object.assign(json.model_cfg.vision_cfg, { ...more, ...arithmetic });
  Object.assign(json.model_cfg.text_cfg, {
    norm_kwargs: { eps: 1e-4 },
    pool_type: 'eos',
    eos_id: 511,
    proj_type: 'linear',
  });
  const { vision_config, text_config } = parseOpenClipConfig(json).config;
  expect(vision_config).toMatchObject({ layer_norm_eps: 1e-6, hidden_act: 'gelu_pytorch_tanh' });
  expect(text_config).toMatchObject({ layer_norm_eps: 1e-4, hidden_act: 'gelu', eos_token_id: 511 });
  json.model_cfg.quick_gelu = true;
  expect(() => parseOpenClipConfig(json, 'f')).toThrow(/act_kwargs: approximate "tanh" beside quick_gelu is not/);
});

it.each([
  [{ interpolation: 'nearest' }, 'f: preprocess_cfg.interpolation: expected one of bicubic, bilinear, random'],
  [{ resize_mode: 'fit' }, 'f: preprocess_cfg.resize_mode: expected one of shortest, longest, squash'],
  [{ mode: 'L' }, 'f: preprocess_cfg.mode: expected "RGB"'],
  [{ fill_color: 127 }, 'f: preprocess_cfg.fill_color: expected: 0'],
])('refuses preprocess_cfg %j', async (preprocess_cfg, message) => {
  const json = { ...(await readConfig()), preprocess_cfg };
  expect(() => parseOpenClipConfig(json, 'f')).toThrow(message);
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
  ['text_cfg', { pool_type: 'eos', eos_id: 7 }, 'f: model_cfg.text_cfg.pool_type: "eos" pooling'],
  ['text_cfg', { no_causal_mask: true }, 'f: model_cfg.text_cfg.no_causal_mask: true is not supported'],
  ['text_cfg', { tokenizer_kwargs: { clean: 'canonicalize' } }, 'f: model_cfg.text_cfg.tokenizer_kwargs: {"clean"'],
  ['text_cfg', { proj_type: 'none' }, 'f: model_cfg.text_cfg.proj_type: "none" is not supported'],
  ['text_cfg', { norm_kwargs: { bias: false } }, 'f: unknown field model_cfg.text_cfg.norm_kwargs.bias'],
  ['vision_cfg', { no_ln_pre: true }, 'f: model_cfg.vision_cfg.no_ln_pre: true is not supported'],
  ['vision_cfg', { pos_embed_type: 'sin_cos_2d' }, 'f: model_cfg.vision_cfg.pos_embed_type: "sin_cos_2d" is not'],
  ['vision_cfg', { qk_norm: true }, 'f: model_cfg.vision_cfg.qk_norm: true is not supported'],
  ['vision_cfg', { ls_init_value: 1e-5 }, 'f: model_cfg.vision_cfg.ls_init_value: 0.00001 is not supported'],
  [
    'vision_cfg',
    { act_kwargs: { approximate: 'fast' } },
    'f: model_cfg.vision_cfg.act_kwargs.approximate: expected one',
  ],
])('refuses %s %j', async (part, change, message) => {
  const json = await readConfig();
  Object.assign(json.model_cfg[part], change);
  expect(() => parseOpenClipConfig(json, 'f')).toThrow(message);
});
