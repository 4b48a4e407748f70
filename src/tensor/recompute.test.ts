import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { Random } from '../math/random.js';
import { encoder, type Params, paramFeeds, paramInputs } from '../nn/index.js';
import { compile } from '../runtime/program.js';
import { optimizedGraphs } from '../test/optimized.fixture.js';
import { add, elements, grad, input, matmul, mean, mul, recomputed, sigmoid, square } from './index.js';

const random = new Random('recompute');
const draw = (shape: number[]) => ({
  shape,
  data: Float32Array.from({ length: elements(shape) }, () => random.normal() * 0.3),
});

const [width, layers] = [8, 3];
const params: Params = {};
for (let layer = 0; layer < layers; layer++) {
  const name = `encoder.layers.${layer}`;
  const dense = (part: string, from: number, to: number) => {
    params[`${name}.${part}.weight`] = draw([to, from]);
    params[`${name}.${part}.bias`] = draw([to]);
  };
  for (const part of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) dense(`self_attn.${part}`, width, width);
  dense('mlp.fc1', width, 2 * width);
  dense('mlp.fc2', 2 * width, width);
  for (const part of ['layer_norm1', 'layer_norm2']) {
    params[`${name}.${part}.weight`] = draw([width]);
    params[`${name}.${part}.bias`] = draw([width]);
  }
}

/** Loss of a stack's output and attention maps, gradients of everything, and how many products ONNX Runtime runs. */
async function train(recompute: boolean, weights = true) {
  const folder = await mkdtemp(join(tmpdir(), 'promptkd-recompute-'));
  const p = paramInputs(params);
  const x = input('x', [2, 5, width]);
  const result = encoder(p, 'encoder', x, layers, { heads: 2, activation: 'quick_gelu', eps: 1e-5, recompute });
  const loss = add(mean(square(result.output)), mean(square(result.attention[1]!)));
  const learning = weights ? p : {};
  const gradients = grad(loss, [x, ...Object.values(learning)]);
  const outputs = Object.fromEntries(['x', ...Object.keys(learning)].map((name, i) => [`d/${name}`, gradients[i]!]));
  const optimizedModelPath = join(folder, 'model.onnx');
  const program = await compile({ outputs: { loss, ...outputs } }, { threads: 1, optimizedModelPath });
  const feeds = {
    ...paramFeeds(params),
    x: { shape: [2, 5, width], data: Float32Array.from({ length: 80 }, (_, i) => Math.sin(i)) },
  };
  const values = await program.run(feeds);
  await program.dispose();
  const { graph } = fromBinary(ModelProtoSchema, await readFile(optimizedModelPath));
  await rm(folder, { recursive: true });
  const products = graph!.node.filter(({ opType }) => /MatMul|Gemm/.test(opType)).length;
  // ONNX Runtime writes the nodes in the order in which it runs them.
  return {
    values,
    products,
    order: graph!.node.flatMap((node) => node.output.filter((name) => name.startsWith('d/'))),
  };
}

optimizedGraphs();

describe('recomputed', () => {
  it('gives the same gradients, and ONNX Runtime really computes again', async () => {
    const [kept, again] = [await train(false), await train(true)];
    for (const [name, { data }] of Object.entries(kept.values)) {
      for (const [i, value] of data.entries()) {
        expect(Math.abs(again.values[name]!.data[i]! - value), `${name} ${i}`).toBeLessThan(1e-6);
      }
    }
    // Of a block's 8 products all but the last, fc2, are needed again.
    expect(again.products - kept.products).toBe(7 * layers);
  });

  it('is done with a block’s weights before the block below begins, which would keep what they need', async () => {
    const { order } = await train(true);
    const blocks = order.filter((name) => name !== 'd/x').map((name) => Number(/layers\.(\d)/.exec(name)![1]));
    expect(blocks).toHaveLength(16 * layers);
    expect(blocks).toEqual(blocks.toSorted((a, b) => b - a));
  });

  it('computes no gradients of weights that stand still', async () => {
    const [moving, standing] = [await train(true, true), await train(true, false)];
    // One product for each of a block's weights and biases.
    expect(moving.products - standing.products).toBe(16 * layers);
  });

  it('finds what else the function uses, and gives it its gradient', async () => {
    const [x, w, v] = [input('x', [2, 2]), input('w', [2, 2]), input('v', [2])];
    const outside = mul(v, 2);
    const [y] = recomputed(x, (z) => [sigmoid(add(matmul(z, w), outside))]);
    const gradients = grad(mean(square(y!)), [x, w, v]);
    const plain = grad(mean(square(sigmoid(add(matmul(x, w), outside)))), [x, w, v]);
    const outputs = Object.fromEntries(
      ['x', 'w', 'v'].flatMap((name, i) => [
        [`d/${name}`, gradients[i]!],
        [`plain ${name}`, plain[i]!],
      ]),
    );
    const program = await compile({ outputs }, { threads: 1 });
    const result = await program.run({ x: draw([2, 2]), w: draw([2, 2]), v: draw([2]) });
    for (const name of ['x', 'w', 'v']) {
      for (const [i, value] of result[`plain ${name}`]!.data.entries()) {
        expect(result[`d/${name}`]!.data[i]).toBeCloseTo(value, 6);
      }
      expect(Math.max(...result[`d/${name}`]!.data.map(Math.abs))).toBeGreaterThan(1e-4);
    }
    await program.dispose();
  });
});
