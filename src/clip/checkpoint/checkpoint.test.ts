import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import { floatToHalf, halfToFloat, readSafetensors, writeSafetensors } from '../../files/index.js';
import type { Params } from '../../nn/index.js';
import { parseClipConfig } from '../config.js';
import { clipPreprocess } from '../preprocess/preprocess-config.js';
import { trainTokenizer } from '../tokenizer/bpe-trainer.js';
import { tokenizerFromJson, withTokenizer } from '../tokenizer/tokenizer.js';
import { initClip } from '../towers/initialise.js';
import { type Checkpoint, loadCheckpoint, loadWeights, saveCheckpoint } from './checkpoint.js';
import { expectedParams } from './params.js';

const golden = 'fixtures/golden/clip';
const tower = { hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2 };
const tokenizer = tokenizerFromJson(trainTokenizer(['a small drawing of a fox'], 516));
const config = withTokenizer(
  parseClipConfig({
    projection_dim: 4,
    text_config: { ...tower, max_position_embeddings: 12 },
    vision_config: { ...tower, image_size: 16, patch_size: 8 },
  }),
  tokenizer,
);
const checkpoint: Checkpoint = { config, params: initClip(config, 1), preprocess: clipPreprocess(16), tokenizer };

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-checkpoint-'));
});
afterEach(() => rm(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

describe('a checkpoint', () => {
  it('is read as it was saved', async () => {
    await saveCheckpoint(folder, checkpoint);
    const read = await loadCheckpoint(folder);
    expect(read.config).toEqual(config);
    expect(read.params).toEqual(checkpoint.params);
    expect(read.preprocess).toEqual(checkpoint.preprocess);
    expect(read.tokenizer.encode(['a fox'], 12)).toEqual(tokenizer.encode(['a fox'], 12));
  });

  it('is rounded to half precision on request', async () => {
    await saveCheckpoint(folder, checkpoint, { dtype: 'F16' });
    const { params } = await loadWeights(folder);
    for (const [name, { data }] of Object.entries(checkpoint.params)) {
      expect(params[name]!.data).toEqual(halfToFloat(floatToHalf(data as Float32Array)));
    }
  });

  it('in the reference layout has every expected tensor', async () => {
    const weights = await loadWeights(golden);
    expect(weights.config).toMatchObject({ projection_dim: 40, text_config: { vocab_size: 512, eos_token_id: 511 } });
    expect(weights.preprocess).toEqual(clipPreprocess(32));
    const { tensors } = readSafetensors(join(golden, 'model.safetensors'));
    expect(weights.params).toEqual(tensors);
    expect(Object.keys(expectedParams(weights.config)).sort()).toEqual(Object.keys(tensors).sort());
  });

  it('may have its preprocessing in processor_config.json alone, or before preprocessor_config.json', async () => {
    await saveCheckpoint(folder, checkpoint);
    const processor = {
      image_processor_type: 'SiglipImageProcessorFast',
      size: { height: 16, width: 16 },
      resample: 2,
    };
    await writeFile(
      path('processor_config.json'),
      JSON.stringify({ image_processor: processor, processor_class: 'X' }),
    );
    const squash = { size: 16, resize: [16, 16], crop: false, resample: 2, mean: [0.5, 0.5, 0.5] };
    expect((await loadCheckpoint(folder)).preprocess).toMatchObject(squash);
    await rm(path('preprocessor_config.json'));
    expect((await loadCheckpoint(folder)).preprocess).toMatchObject(squash);
    // Saved over it, a model has its own.
    await saveCheckpoint(folder, checkpoint);
    expect((await loadCheckpoint(folder)).preprocess).toEqual(checkpoint.preprocess);
    // An older file says nothing of images.
    await writeFile(path('processor_config.json'), JSON.stringify({ processor_class: 'CLIPProcessor' }));
    expect((await loadCheckpoint(folder)).preprocess).toEqual(checkpoint.preprocess);
  });

  it('may lie in shards', async () => {
    const { tensors } = readSafetensors(join(golden, 'model.safetensors'));
    const map: Record<string, string> = {};
    const shards: Params[] = [{}, {}];
    Object.entries(tensors).forEach(([name, tensor], i) => {
      shards[i % 2]![name] = tensor;
      map[name] = `model-${i % 2}.safetensors`;
    });
    await Promise.all(shards.map((shard, i) => writeSafetensors(path(`model-${i}.safetensors`), shard)));
    await copyFile(join(golden, 'config.json'), path('config.json'));
    const index = (weight_map: unknown) =>
      writeFile(path('model.safetensors.index.json'), JSON.stringify({ weight_map }));
    await index(map);
    expect((await loadWeights(folder)).params).toEqual(tensors);
    await index({ ...map, logit_scale: `model-${map.logit_scale === 'model-0.safetensors' ? 1 : 0}.safetensors` });
    await expect(loadWeights(folder)).rejects.toThrow(/logit_scale: expected in model-[01].safetensors/);
    await index({ ...map, logit_scale: '../model-0.safetensors' });
    await expect(loadWeights(folder)).rejects.toThrow(/expected plain file names/);
  });

  it('may have position numbers and a logit_scale of one axis, as older files', async () => {
    await saveCheckpoint(folder, checkpoint);
    const params: Params = {
      ...checkpoint.params,
      'text_model.embeddings.position_ids': { shape: [1, 2], data: Int32Array.of(0, 1) },
    };
    params.logit_scale = { shape: [1], data: params.logit_scale!.data };
    await writeSafetensors(path('model.safetensors'), params);
    expect((await loadWeights(folder)).params).toEqual(checkpoint.params);
  });
});

describe('a bad checkpoint', () => {
  const refused = async (message: RegExp) => {
    await expect(loadCheckpoint(folder)).rejects.toThrow(UserError);
    await expect(loadCheckpoint(folder)).rejects.toThrow(message);
  };
  const withParams = async (change: (params: Params) => void) => {
    await saveCheckpoint(folder, checkpoint);
    const params = { ...checkpoint.params };
    change(params);
    await writeSafetensors(path('model.safetensors'), params);
  };
  const withConfig = async (change: object) => {
    await saveCheckpoint(folder, checkpoint);
    await writeFile(
      path('config.json'),
      JSON.stringify({ ...JSON.parse(await readFile(path('config.json'), 'utf8')), ...change }),
    );
  };

  it('with missing, unexpected and misshapen tensors names them all', async () => {
    await withParams((params) => {
      delete params['text_projection.weight'];
      params.surplus = { shape: [1], data: new Float32Array(1) };
      params['visual_projection.weight'] = { shape: [8, 4], data: new Float32Array(32) };
    });
    await refused(
      /missing text_projection.weight; unexpected surplus; misshapen visual_projection.weight \(expected \[4, 8\], got \[8, 4\]\)/,
    );
  });

  it('with NaN weights', async () => {
    await withParams((params) => {
      params['text_model.final_layer_norm.bias'] = { shape: [8], data: new Float32Array(8).fill(NaN, 3, 4) };
    });
    await refused(/not finite text_model.final_layer_norm.bias \(NaN at element 3\)/);
  });

  it('that is truncated', async () => {
    await saveCheckpoint(folder, checkpoint);
    const bytes = await readFile(path('model.safetensors'));
    await writeFile(path('model.safetensors'), bytes.subarray(0, bytes.length - 100));
    await refused(/model.safetensors: .*truncated/);
  });

  it('with heads that do not divide its width, or an image size that is no multiple of the patch', async () => {
    await withConfig({ vision_config: { ...config.vision_config, num_attention_heads: 3 } });
    await refused(/config.json: vision_config.num_attention_heads: expected a divisor of hidden_size 8, got 3/);
    await withConfig({ vision_config: { ...config.vision_config, image_size: 20 } });
    await refused(/config.json: vision_config.image_size: expected a multiple of patch_size 8, got 20/);
  });

  it('with more tokens than embeddings, or another end token', async () => {
    await saveCheckpoint(folder, checkpoint);
    await writeFile(path('tokenizer.json'), JSON.stringify(trainTokenizer(['fox fox fox'], 517)));
    const rows = config.text_config.vocab_size;
    await refused(new RegExp(`the tokenizer has 51[67] tokens, but config.json's text_config.vocab_size is ${rows}`));
    await withConfig({ text_config: { ...config.text_config, eos_token_id: 7 } });
    await refused(/eos_token_id: expected \d+, the tokenizer's end token, got 7/);
  });

  it('with a preprocessor for another size', async () => {
    await saveCheckpoint(folder, checkpoint);
    await writeFile(path('preprocessor_config.json'), '{"size": 224}');
    await refused(/preprocessor_config.json: crop_size: expected 16, .* got 224/);
  });

  it('with a processor that is not known, in the file of newer folders', async () => {
    await saveCheckpoint(folder, checkpoint);
    const processor = { image_processor_type: 'Siglip2ImageProcessor' };
    await writeFile(path('processor_config.json'), JSON.stringify({ image_processor: processor }));
    await refused(/processor_config.json: image_processor: image_processor_type: expected one of .*NaFlex/);
  });

  it('without files says what is expected', async () => {
    await refused(/config.json: no such file/);
    await copyFile(join(golden, 'config.json'), path('config.json'));
    await refused(/expected model.safetensors or model.safetensors.index.json/);
    await writeFile(path('pytorch_model.bin'), '');
    await refused(/pytorch_model.bin: .*convert it in Python with CLIPModel.from_pretrained/);
    await expect(loadCheckpoint(path('nowhere'))).rejects.toThrow(/nowhere: expected the folder of a CLIP checkpoint/);
  });

  it('with quantised weights that are missing, or not alone', async () => {
    await copyFile(join(golden, 'config.json'), path('config.json'));
    await writeFile(path('quantization.json'), '{}');
    await refused(/quantized\.safetensors: no such file, but quantization\.json describes it/);
    await copyFile(join(golden, 'model.safetensors'), path('model.safetensors'));
    await copyFile(join(golden, 'model.safetensors'), path('quantized.safetensors'));
    await refused(/expected one model, got both model\.safetensors and quantized\.safetensors/);
  });

  it('is not saved', async () => {
    const { logit_scale, ...params } = checkpoint.params;
    expect(logit_scale).toBeDefined();
    await expect(saveCheckpoint(folder, { ...checkpoint, params })).rejects.toThrow(/missing logit_scale/);
  });
});
