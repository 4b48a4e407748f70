import { describe, expect, it } from 'vitest';
import { Random } from '../math/random.js';
import { compile } from '../runtime/program.js';
import type { HostTensor, Tensor } from './index.js';
import * as t from './index.js';
import { applyOne } from './tensor.js';

type F = HostTensor<Float32Array>;

function draw(name: string, shape: number[], low: number, high: number): F {
  const random = new Random('gradients', name, ...shape);
  return { shape, data: Float32Array.from({ length: t.elements(shape) }, () => random.uniform(low, high)) };
}

/** Compares grad() of a weighted sum of f's result with central differences, for every element of every input. */
async function check(f: (...xs: Tensor[]) => Tensor, inputs: F[], tolerance = 2e-2): Promise<void> {
  const symbols = inputs.map((x, i) => t.input(`x${i}`, x.shape));
  const y = f(...symbols);
  const weights = draw('weights', y.sizes('check'), 0.5, 1.5);
  const loss = t.sum(t.mul(y, t.constant(weights)));
  const gradients = t.grad(loss, symbols);
  const program = await compile(
    { outputs: { loss, ...Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])) } },
    { threads: 1 },
  );
  const feeds = Object.fromEntries(inputs.map((x, i) => [`x${i}`, x]));
  const first = await program.run(feeds);
  const exact = gradients.map((_, i) => Float32Array.from(first[`g${i}`]!.data));
  const h = 1e-2;
  for (const [i, { data }] of inputs.entries()) {
    for (let k = 0; k < data.length; k++) {
      const before = data[k]!;
      data[k] = before + h;
      const up = (await program.run(feeds)).loss!.data[0]!;
      data[k] = before - h;
      const down = (await program.run(feeds)).loss!.data[0]!;
      data[k] = before;
      const numeric = (up - down) / (2 * h);
      const scale = Math.max(1, Math.abs(numeric));
      expect(
        Math.abs(exact[i]![k]! - numeric) / scale,
        `input ${i} element ${k}: ${exact[i]![k]} against ${numeric}`,
      ).toBeLessThan(tolerance);
    }
  }
  await program.dispose();
}

const a = draw('a', [2, 3, 4], -1, 1);
const b = draw('b', [3, 1], 0.5, 1.5);
const positive = draw('positive', [2, 3], 0.5, 2);
const ids = t.constant({ shape: [2, 3], data: Int32Array.of(0, 2, 2, 4, 0, 2) });

const cases: Record<string, [(...xs: Tensor[]) => Tensor, F[]]> = {
  'add, broadcasting': [t.add, [a, b]],
  'sub, broadcasting': [t.sub, [b, a]],
  'mul, broadcasting': [t.mul, [a, b]],
  'mul of one tensor by itself': [(x) => t.mul(x, x), [a]],
  'div, broadcasting': [t.div, [a, b]],
  neg: [t.neg, [a]],
  exp: [t.exp, [a]],
  log: [t.log, [positive]],
  sqrt: [t.sqrt, [positive]],
  abs: [t.abs, [draw('abs', [4], 0.2, 1)]],
  sigmoid: [t.sigmoid, [a]],
  tanh: [t.tanh, [a]],
  relu: [t.relu, [draw('relu', [6], 0.1, 1)]],
  'relu below zero': [t.relu, [draw('relu', [6], -1, -0.1)]],
  erf: [t.erf, [a]],
  square: [t.square, [a]],
  pow: [(x) => t.pow(x, 1.7), [positive]],
  maximum: [(x, y) => t.maximum(x, y), [draw('m', [5], 0, 1), draw('n', [5], 1.1, 2)]],
  minimum: [(x, y) => t.minimum(x, y), [draw('m', [5], 0, 1), draw('n', [5], 1.1, 2)]],
  where: [
    (x, y) => t.where(t.greater(t.constant([1, -1, 1]), 0), x, y),
    [draw('w', [2, 3], -1, 1), draw('v', [3], -1, 1)],
  ],
  quickGelu: [t.quickGelu, [a]],
  gelu: [t.gelu, [a]],
  geluTanh: [t.geluTanh, [a]],
  softplus: [t.softplus, [a]],
  'matmul, batched': [(x, y) => t.matmul(x, y), [a, draw('r', [2, 4, 2], -1, 1)]],
  'matmul, batch broadcast': [(x, y) => t.matmul(x, y), [draw('l', [3, 3], -1, 1), draw('r', [2, 3, 2], -1, 1)]],
  'matmul, right transposed': [(x, y) => t.matmul(x, y, { transposeB: true }), [a, draw('r', [2, 2, 4], -1, 1)]],
  'matmul, left transposed': [(x, y) => t.matmul(x, y, { transposeA: true }), [a, draw('r', [2, 3, 2], -1, 1)]],
  'matmul, both transposed': [
    (x, y) => t.matmul(x, y, { transposeA: true, transposeB: true }),
    [a, draw('r', [2, 5, 3], -1, 1)],
  ],
  linear: [t.linear, [a, draw('weight', [5, 4], -1, 1), draw('bias', [5], -1, 1)]],
  'matmul, one right matrix for all': [(x, y) => t.matmul(x, y), [a, draw('r', [4, 2], -1, 1)]],
  'linear of a vector a row': [
    t.linear,
    [draw('l', [3, 4], -1, 1), draw('weight', [2, 4], -1, 1), draw('bias', [2], -1, 1)],
  ],
  'linear without bias': [(x, w) => t.linear(x, w), [a, draw('weight', [5, 4], -1, 1)]],
  reshape: [(x) => t.reshape(x, [6, -1]), [a]],
  transpose: [(x) => t.transpose(x, [2, 0, 1]), [a]],
  'transpose of the last two axes': [(x) => t.transpose(x), [a]],
  concat: [(x, y) => t.concat([x, y, x], 1), [a, draw('c', [2, 1, 4], -1, 1)]],
  slice: [(x) => t.slice(x, 1, 1, 3), [a]],
  'slice from the end': [(x) => t.slice(x, -1, -2), [a]],
  pad: [(x) => t.pad(x, 1, 2, 1), [a]],
  expand: [(x) => t.expand(x, [2, 3, 4]), [b]],
  repeatBatch: [(x) => t.repeatBatch(x, t.constant(a)), [b]],
  'gather, repeated rows add up': [(table) => t.gather(table, ids), [draw('table', [5, 3], -1, 1)]],
  firstRows: [(table) => t.firstRows(table, t.constant(a), 1), [draw('rows', [5, 3], -1, 1)]],
  gatherRows: [(x) => t.gatherRows(x, t.constant({ shape: [2], data: Int32Array.of(2, 0) })), [a]],
  gatherTokens: [(x) => t.gatherTokens(x, t.constant({ shape: [2, 2], data: Int32Array.of(2, 0, 3, 5) })), [a]],
  'sum over all': [(x) => t.sum(x), [a]],
  'sum over one axis': [(x) => t.sum(x, [1]), [a]],
  'sum, axes kept': [(x) => t.sum(x, [0, 2], true), [a]],
  mean: [(x) => t.mean(x, [-1]), [a]],
  max: [(x) => t.max(x, 0), [a]],
  softmax: [(x) => t.softmax(x), [a]],
  'softmax over another axis': [(x) => t.softmax(x, 1), [a]],
  'logSoftmax over another axis': [(x) => t.logSoftmax(x, 1), [a]],
  logSoftmax: [(x) => t.logSoftmax(x), [a]],
  layerNorm: [(x, w, c) => t.layerNorm(x, w, c, 1e-5), [a, draw('lw', [4], 0.5, 1.5), draw('lb', [4], -1, 1)]],
  l2Normalize: [(x) => t.l2Normalize(x), [a]],
  'l2Normalize along another axis': [(x) => t.l2Normalize(x, 1), [a]],
  'interpolateGrid, larger': [(x) => t.interpolateGrid(x, [2, 2], [3, 3]), [draw('grid', [2, 4, 2], -1, 1)]],
  'interpolateImages, taller and narrower': [
    (x) => t.interpolateImages(x, [3, 2]),
    [draw('images', [2, 1, 2, 3], -1, 1)],
  ],
  'interpolateGrid, smaller': [(x) => t.interpolateGrid(x, [3, 3], [2, 2]), [draw('grid', [1, 9, 2], -1, 1)]],
  recomputed: [(x) => t.recomputed(x, (z) => [t.exp(t.mul(z, z))])[0]!, [a]],
  'a value used twice': [(x) => t.add(t.exp(x), t.mul(x, t.exp(x))), [a]],
};

/** What the room exports besides ops that have a gradient. */
const notDifferentiable = [
  'argMax',
  'bilinearMatrix',
  'broadcastShapes',
  'bytesOf',
  'cast',
  'constant',
  'dtypeOf',
  'copyToRanks', // with sumOverRanks in tensor-parallel.test.ts
  'elements',
  'emptyPack',
  'equal',
  'fillPack',
  'formatShape',
  'grad',
  'greater',
  'input',
  'inputsOf',
  'linearInputs',
  'pack',
  'packed',
  'positions',
  'precisions',
  'stagesOf',
  'stopGradient',
  'sumOverProcesses', // of one process: src/group tests it with several
  'sumOverRanks',
  'toOnnxLoop',
  'Tensor',
  'emitGraph',
  'toOnnx',
  'withGradient',
  'matrixOf',
  'tensorOf',
];

describe('gradients against central differences', () => {
  it('are checked for every op', () => {
    const checked = Object.keys(cases).map((name) => name.match(/^\w+/)![0]);
    expect(Object.keys(t).filter((name) => !notDifferentiable.includes(name) && !checked.includes(name))).toEqual([]);
  });

  for (const [name, [f, inputs]] of Object.entries(cases)) it(name, () => check(f, inputs));

  it('stops at stopGradient', async () => {
    const x = t.input('x', [2]);
    const [g] = t.grad(t.sum(t.mul(x, t.stopGradient(x))), [x]) as [Tensor];
    const program = await compile({ outputs: { g } });
    expect([...(await program.run({ x: { shape: [2], data: Float32Array.of(3, 5) } })).g!.data]).toEqual([3, 5]);
  });

  it('gives zeros for what the loss does not depend on', async () => {
    const [x, y] = [t.input('x', [2]), t.input('y', [3])];
    const [g] = t.grad(t.sum(x), [y]) as [Tensor];
    const program = await compile({ outputs: { g } });
    expect([...(await program.run({ y: { shape: [3], data: Float32Array.of(1, 2, 3) } })).g!.data]).toEqual([0, 0, 0]);
  });
});

it('means of a million numbers keep their digits', async () => {
  const x = draw('million', [8, 201, 768], 0, 1);
  const program = await compile({ outputs: { y: t.mean(t.input('x', x.shape)) } });
  const { y } = await program.run({ x });
  await program.dispose();
  const mean = x.data.reduce((sum, value) => sum + value, 0) / x.data.length;
  expect(Math.abs(y!.data[0]! / mean - 1)).toBeLessThan(1e-6);
});

describe('errors when tracing name the op and both shapes', () => {
  const x = t.input('x', [2, 3]);
  const failures: Record<string, [() => unknown, RegExp]> = {
    add: [() => t.add(x, t.input('y', [4])), /add: shapes \[2, 3\] and \[4\] do not broadcast/],
    'add of two types': [
      () => t.add(x, t.input('y', [3], 'int32')),
      /add: types differ: float32 \[2, 3\] and int32 \[3\]/,
    ],
    greater: [() => t.greater(x, t.input('y', [4])), /greater: shapes \[2, 3\] and \[4\] do not broadcast/],
    'where, shapes': [
      () => t.where(t.greater(x, 0), t.input('y', [4]), 0),
      /where: shapes \[2, 3\] and \[4\] do not broadcast/,
    ],
    'where without a condition': [() => t.where(x, x, x), /where: expected a bool condition, got float32 \[2, 3\]/],
    'exp of whole numbers': [() => t.exp(t.input('i', [2], 'int32')), /exp: expected float32, got int32 \[2\]/],
    'matmul of two types': [
      () => t.matmul(x, t.input('y', [3, 2], 'int32')),
      /matmul: expected float32, got float32 \[2, 3\] and int32 \[3, 2\]/,
    ],
    'matmul, batches': [
      () => t.matmul(t.input('l', [2, 3, 4]), t.input('r', [5, 4, 6])),
      /matmul of \[2, 3, 4\] and \[5, 4, 6\]: shapes \[2\] and \[5\] do not broadcast/,
    ],
    'matmul of a vector': [() => t.matmul(x, t.input('y', [3])), /matmul: expected matrices, got \[2, 3\] and \[3\]/],
    'linear, bias': [
      () => t.linear(x, t.input('w', [5, 3]), t.input('b', [4])),
      /linear: bias \[4\] does not fit weight \[5, 3\]/,
    ],
    expand: [() => t.expand(x, [4, 3]), /expand: \[2, 3\] does not broadcast to \[4, 3\]/],
    transpose: [() => t.transpose(x, [0, 0]), /transpose: \[0, 0\] is no order of the axes of \[2, 3\]/],
    pad: [() => t.pad(x, 1, -1, 0), /pad: cannot put -1 and 0 zeros around axis 1 of \[2, 3\]/],
    interpolateImages: [
      () => t.interpolateImages(x, [4, 4]),
      /interpolateImages: expected \[B, C, H, W\], got \[2, 3\]/,
    ],
    interpolateGrid: [
      () => t.interpolateGrid(x, [2, 2], [3, 3]),
      /interpolateGrid: expected \[B, 4, D\] for a grid 2×2, got \[2, 3\]/,
    ],
    gatherRows: [
      () => t.gatherRows(x, t.input('i', [2], 'int32')),
      /gatherRows: expected \[B, T, D\].*got float32 \[2, 3\] and int32 \[2\]/,
    ],
    gatherTokens: [
      () => t.gatherTokens(t.input('x', [2, 3, 4]), t.input('rows', [3, 2], 'int32')),
      /gatherTokens: expected \[B, T, D\] and \[B, K\], got float32 \[2, 3, 4\] and int32 \[3, 2\]/,
    ],
    constant: [
      () => t.constant({ shape: [2, 2], data: new Float32Array(3) }),
      /constant: shape \[2, 2\] needs 4 values, got 3/,
    ],
    matmul: [() => t.matmul(x, t.input('y', [2, 3])), /matmul: inner sizes differ: \[2, 3\] · \[2, 3\]/],
    linear: [() => t.linear(x, t.input('w', [5, 4])), /linear: input \[2, 3\] does not fit weight \[5, 4\]/],
    concat: [() => t.concat([x, t.input('y', [2, 4])], 0), /concat: \[2, 4\] does not join \[2, 3\]/],
    slice: [() => t.slice(x, 1, 2, 5), /slice: 2 to 5 is out of range for axis 1 of \[2, 3\]/],
    reshape: [() => t.reshape(x, [4, 2]), /reshape: cannot make \[4, 2\] of \[2, 3\]/],
    'axis out of range': [() => t.softmax(x, 2), /softmax: axis 2 is out of range for shape \[2, 3\]/],
    layerNorm: [
      () => t.layerNorm(x, t.input('w', [2]), t.input('b', [2]), 1e-5),
      /layerNorm: weight \[2\].*input \[2, 3\]/,
    ],
    gather: [
      () => t.gather(x, t.input('i', [2])),
      /gather: expected a table \[V, D\] and int32 indices, got float32 \[2, 3\] and float32 \[2\]/,
    ],
    'grad through an op without a gradient': [
      () =>
        t.grad(t.sum(applyOne({ name: 'round', emit: (e, _, ins, outs) => e.node('Round', ins, outs) }, [x], [2, 3])), [
          x,
        ]),
      /grad: round has no gradient; stopGradient its input/,
    ],
    'grad of no scalar': [() => t.grad(x, [x]), /grad: expected a scalar loss, got shape \[2, 3\]/],
  };
  for (const [name, [f, message]] of Object.entries(failures)) it(name, () => expect(f).toThrow(message));
});
