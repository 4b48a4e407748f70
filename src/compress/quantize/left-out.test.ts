import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { quantizationJson, quantizationTable } from '../../cli/output/quantize.js';
import type { TowerModel } from '../../model/model.js';
import { withWeights } from '../../model/weights.js';
import { dataset } from '../../test/colours.fixture.js';
import { checkpoint } from '../student.fixture.js';
import { quantizeModel } from './index.js';

/** One channel that nothing reads is so large that all the others are rounded to zero where activations have 8 bits. */
function outlier(): TowerModel {
  const norm = checkpoint.params['vision_model.post_layernorm.weight']!;
  const projection = checkpoint.params['visual_projection.weight']!;
  const [, columns] = projection.shape as [number, number];
  return withWeights(checkpoint, {
    'vision_model.post_layernorm.weight': {
      shape: norm.shape,
      data: Float32Array.from(norm.data, (value, at) => (at === 0 ? 1e6 : value)),
    },
    'visual_projection.weight': {
      shape: projection.shape,
      data: Float32Array.from(projection.data, (value, at) => (at % columns === 0 ? 0 : 100 * value)),
    },
  });
}

it('leaves out the variant that its rounding changes too much, keeps the others, and says so', async () => {
  const out = await mkdtemp(join(tmpdir(), 'promptkd-left-out-'));
  const result = await quantizeModel({
    ...{ model: outlier(), dataset, out, images: 12 },
    ...{ rounding: 'nearest', dtypes: ['q8', 'bnb4'] },
  });
  expect(Object.keys(result.variants)).toEqual(['bnb4']);
  expect(result.leftOut).toEqual([{ dtype: 'q8', difference: expect.any(Number), limit: 0.5 }]);
  expect(result.leftOut[0]!.difference).toBeGreaterThan(0.5);
  expect(existsSync(join(out, 'onnx', 'vision_model_bnb4.onnx'))).toBe(true);
  for (const name of ['vision_model', 'text_model', 'model']) {
    expect(existsSync(join(out, 'onnx', `${name}_quantized.onnx`))).toBe(false);
  }
  expect(result.files.filter((file) => file.includes('_quantized'))).toEqual([]);
  expect(quantizationTable(out, result)).toMatch(/dtype q8: left out, as its embeddings differ .* more than 50\.0 %/);
  expect(quantizationJson(result).left_out).toEqual(result.leftOut);
  await rm(out, { recursive: true });
});
