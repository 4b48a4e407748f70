import { describe, expect, it } from 'vitest';
import { checkParams } from '../../clip/checkpoint/params.js';
import { type ClipConfig, parseClipConfig } from '../../clip/config.js';
import { initClip } from '../../clip/towers/initialise.js';
import { textTower } from '../../clip/towers/text.js';
import { visionTower } from '../../clip/towers/vision.js';
import { Random } from '../../math/random.js';
import { type Params, paramFeeds, paramInputs } from '../../nn/index.js';
import { compile } from '../../runtime/program.js';
import { input } from '../../tensor/index.js';
import { checkInheritable, inherit } from './inherit.js';
import { importantStreams } from './residual-stream.js';

const tower = { hidden_size: 24, intermediate_size: 48, num_hidden_layers: 3, num_attention_heads: 3 };
const config: ClipConfig = parseClipConfig({
  projection_dim: 12,
  text_config: { ...tower, vocab_size: 30, max_position_embeddings: 8, bos_token_id: 28, eos_token_id: 29 },
  vision_config: { ...tower, image_size: 16, patch_size: 4 },
});
const teacher = initClip(config, 5);
const smaller = (text: object, vision: object, more: object = {}): ClipConfig => ({
  ...config,
  ...more,
  text_config: { ...config.text_config, ...text },
  vision_config: { ...config.vision_config, ...vision },
});

const cut = (c: ClipConfig, layers: 'even' | 'importance' = 'even') =>
  inherit(teacher, config, c, { layers, streams: importantStreams(teacher, config, c) });

async function embeds(params: Params, c: ClipConfig): Promise<number[]> {
  const p = paramInputs(params);
  const size = c.vision_config.image_size;
  const image = visionTower(p, c, input('pixels', [2, 3, size, size])).embed;
  const text = textTower(p, c, input('ids', [2, 4], 'int32'), input('ends', [2], 'int32')).embed;
  const program = await compile({ outputs: { image, text } }, { threads: 1 });
  const random = new Random(1, 'pixels');
  const out = await program.run({
    ...paramFeeds(params),
    pixels: { shape: [2, 3, size, size], data: Float32Array.from({ length: 6 * size * size }, () => random.normal()) },
    ids: { shape: [2, 4], data: Int32Array.of(28, 1, 2, 29, 28, 3, 29, 29) },
    ends: { shape: [2], data: Int32Array.of(3, 2) },
  });
  const all = [...out.image!.data, ...out.text!.data];
  await program.dispose();
  return all;
}

describe('inherit', () => {
  it('gives the teacher itself at the teacher’s size', async () => {
    const same = cut(config);
    expect(Object.keys(same).sort()).toEqual(Object.keys(teacher).sort());
    expect(await embeds(same, config)).toEqual(await embeds(teacher, config));
    expect(same['visual_projection.weight']!.data).not.toBe(teacher['visual_projection.weight']!.data);
  });

  it.each([
    [
      'fewer layers, heads, channels, units',
      { hidden_size: 8, intermediate_size: 10, num_hidden_layers: 2, num_attention_heads: 2 },
      {},
    ],
    ['heads wider than the teacher’s', { hidden_size: 20, num_attention_heads: 2 }, {}],
    ['other patches and a smaller joint space', { num_hidden_layers: 1 }, { projection_dim: 6 }],
  ])('fits %s', async (_, part, more) => {
    const c = smaller(part, { ...part, image_size: 16, patch_size: 8 }, more);
    const student = checkParams(cut(c, 'importance'), c, 'student');
    expect((await embeds(student, c)).every(Number.isFinite)).toBe(true);
  });

  it('keeps the last layer and those spread evenly before it', () => {
    const c = smaller({}, { num_hidden_layers: 2 });
    const student = cut(c);
    const name = (l: number) => `vision_model.encoder.layers.${l}.mlp.fc1.weight`;
    expect(student[name(1)]!.data).toEqual(teacher[name(2)]!.data);
    expect(student[name(0)]!.data).toEqual(teacher[name(1)]!.data);
  });

  it('keeps the channels with the largest weights', () => {
    const strong: Params = Object.fromEntries(
      Object.entries(teacher).map(([n, x]) => [n, { shape: x.shape, data: x.data.slice() }]),
    );
    const fc2 = strong['text_model.encoder.layers.0.mlp.fc2.weight']!;
    for (const row of [3, 7, 11, 23]) fc2.data.subarray(row * 48, (row + 1) * 48).fill(50);
    const c = smaller({ hidden_size: 4, num_attention_heads: 2 }, {});
    const student = inherit(strong, config, c, { layers: 'even', streams: importantStreams(strong, config, c) });
    const table = teacher['text_model.embeddings.token_embedding.weight']!.data;
    expect([...student['text_model.embeddings.token_embedding.weight']!.data.subarray(0, 4)]).toEqual(
      [3, 7, 11, 23].map((i) => table[i]),
    );
  });

  it('refuses a larger student, naming the field', () => {
    expect(() => checkInheritable(config, smaller({}, { hidden_size: 32 }))).toThrow(
      "student.vision_config.hidden_size: inheriting needs at most the teacher's 24, got 32",
    );
  });
});
