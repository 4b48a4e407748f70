import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { clipConfigJson, parseClipConfig } from './config.js';
import { eosPositions } from './towers/eos.js';

describe('parseClipConfig', () => {
  it("has CLIP's defaults for what is missing or null", () => {
    const config = parseClipConfig({
      model_type: 'clip',
      text_config: null,
      vision_config: { patch_size: 16, hidden_act: null },
    });
    expect(config).toMatchObject({ projection_dim: 512, logit_scale_init_value: 2.6592 });
    expect(config.text_config).toMatchObject({
      hidden_size: 512,
      num_attention_heads: 8,
      vocab_size: 49408,
      eos_token_id: 49407,
    });
    expect(config.vision_config).toMatchObject({
      hidden_size: 768,
      patch_size: 16,
      image_size: 224,
      hidden_act: 'quick_gelu',
    });
  });

  it('lets the *_dict of old files win, with its own defaults, as transformers does', () => {
    const config = parseClipConfig({
      text_config: { hidden_size: 512, num_attention_heads: 8, eos_token_id: 2 },
      text_config_dict: { hidden_size: 768, num_attention_heads: 12, projection_dim: 768 },
      vision_config: { hidden_act: 'gelu' },
      vision_config_dict: null,
      projection_dim: 768,
    });
    expect(config.text_config).toMatchObject({ hidden_size: 768, num_attention_heads: 12, eos_token_id: 49407 });
    expect(config.vision_config.hidden_act).toBe('gelu');
  });

  it('reads what it writes', () => {
    const config = parseClipConfig({ projection_dim: 32, vision_config: { hidden_act: 'gelu', image_size: 64 } });
    expect(parseClipConfig(JSON.parse(JSON.stringify(clipConfigJson(config))))).toEqual(config);
  });

  it.each([
    [[], 'f: expected a JSON object'],
    [
      { model_type: 'blip' },
      'f: model_type: expected "clip" or "siglip", got "blip": only CLIP and SigLIP models are supported',
    ],
    [{ vision_config: 3 }, 'f: vision_config: expected an object, got 3'],
    [{ vision_config: { image_size: '224' } }, 'f: vision_config.image_size: expected number, got "224"'],
    [{ vision_config: { num_channels: 1 } }, 'f: vision_config.num_channels: expected 3, got 1'],
    [
      { text_config: { hidden_act: 'gelu_new' } },
      'f: text_config.hidden_act: expected one of quick_gelu, gelu, gelu_pytorch_tanh, got "gelu_new"',
    ],
    [
      { vision_config: { num_hidden_layers: 2147483647 } },
      'f: vision_config.num_hidden_layers: expected at most 1024, got 2147483647',
    ],
    [
      { text_config_dict: { num_hidden_layers: 300000 } },
      'f: text_config_dict.num_hidden_layers: expected at most 1024, got 300000',
    ],
    [
      { model_type: 'siglip', text_config: { num_hidden_layers: 300000 } },
      'f: text_config.num_hidden_layers: expected at most 1024, got 300000',
    ],
    [{ text_config: { vocab_size: 2e9 } }, 'f: text_config.vocab_size: expected at most 16777216, got 2000000000'],
    [{ vision_config: { image_size: 32768 } }, 'f: vision_config.image_size: expected at most 4096, got 32768'],
    [{ text_config: { hidden_size: 0.5 } }, 'f: text_config.hidden_size: expected int, got 0.5'],
    [{ text_config_dict: { hidden_size: 'x' } }, 'f: text_config_dict.hidden_size: expected number, got "x"'],
    [
      { text_config: { num_attention_heads: 7 } },
      'f: text_config.num_attention_heads: expected a divisor of hidden_size 512, got 7',
    ],
    [
      { vision_config: { image_size: 225 } },
      'f: vision_config.image_size: expected a multiple of patch_size 32, got 225',
    ],
  ])('refuses %j', (json, message) => {
    expect(() => parseClipConfig(json, 'f')).toThrow(new UserError(message));
  });
});

describe('eosPositions', () => {
  const ids = Int32Array.of(510, 5, 511, 511, 510, 511, 0, 0);
  it('is the first end token', () => {
    const config = parseClipConfig({ text_config: { vocab_size: 512, eos_token_id: 511 } });
    expect([...eosPositions(ids, 4, config)]).toEqual([2, 1]);
  });
  it('is the largest id where the config is an old one', () => {
    const config = parseClipConfig({ text_config: { vocab_size: 512, eos_token_id: 2 } });
    expect([...eosPositions(ids, 4, config)]).toEqual([2, 1]);
  });
});
