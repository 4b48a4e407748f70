import { describe, expect, it } from 'vitest';
import { adamw } from './adamw.js';
import { decaysByDefault, type Optimizer } from './optimizer.js';
import { sgd } from './sgd.js';

const start = [0.5, -1, 2, 0.1];
const gradients = [
  [0.1, -0.2, 0.3, 0],
  [-0.5, 0.4, 0.05, 1],
  [0.2, 0.2, -0.3, 0.7],
];
const matrix = () => ({ w: { shape: [2, 2], data: Float32Array.from(start) } });

function threeSteps(params: ReturnType<typeof matrix>, optimizer: Optimizer) {
  gradients.forEach((g, step) => {
    optimizer.update({ w: Float32Array.from(g) }, 0.1, step);
  });
  return [...params.w.data];
}

function expectClose(got: number[], expected: number[]) {
  expected.forEach((value, i) => {
    expect(got[i]).toBeCloseTo(value, 6);
  });
}

describe('optimizers', () => {
  it('AdamW gives the values of torch.optim.AdamW', () => {
    const params = matrix();
    const got = threeSteps(params, adamw(params, { beta2: 0.98, epsilon: 1e-6, weightDecay: 0.1 }));
    expectClose(got, [0.4658182750632862, -0.9603553731649819, 1.7664798044131504, -0.059790166469916764]);
  });

  it('SGD gives the values of torch.optim.SGD with momentum', () => {
    const params = matrix();
    const got = threeSteps(params, sgd(params, { momentum: 0.9, weightDecay: 0.05 }));
    expectClose(got, [0.5338746875, -1.014049375, 1.883934, -0.1622930125]);
  });

  it.each([
    ['a.q_proj.weight', [4, 4], true],
    ['text_model.embeddings.token_embedding.weight', [9, 4], true],
    ['vision_model.embeddings.patch_embedding.weight', [4, 3, 8, 8], true],
    ['a.q_proj.bias', [4], false],
    ['a.layer_norm1.weight', [4], false],
    ['vision_model.embeddings.position_embedding.weight', [5, 4], false],
    ['vision_model.embeddings.class_embedding', [4], false],
    ['logit_scale', [], false],
  ])('decay of %s %j: %s', (name, shape, expected) => {
    expect(decaysByDefault(name, shape)).toBe(expected);
  });

  it('scales the learning rate by name and leaves a parameter without gradient alone', () => {
    const params = {
      slow: { shape: [1], data: Float32Array.of(1) },
      fast: { shape: [1], data: Float32Array.of(1) },
      still: { shape: [1, 1], data: Float32Array.of(1) },
    };
    const optimizer = sgd(params, { learningRateScale: (name) => (name === 'slow' ? 0.1 : 1) });
    optimizer.update({ slow: Float32Array.of(1), fast: Float32Array.of(1) }, 0.5, 0);
    expect([params.slow.data[0], params.fast.data[0], params.still.data[0]]).toEqual([Math.fround(0.95), 0.5, 1]);
  });

  it('refuses a gradient of the wrong size', () => {
    expect(() => adamw(matrix()).update({ w: new Float32Array(3) }, 0.1, 0)).toThrow(/gradient of w has 3 values/);
  });
});
