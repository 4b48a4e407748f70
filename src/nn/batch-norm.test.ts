import { expect, it } from 'vitest';
import { Random } from '../math/random.js';
import { compile } from '../runtime/program.js';
import { grad, type HostTensor, input, mul, sum } from '../tensor/index.js';
import {
  batchNormLayer,
  batchStatistics,
  movedRunning,
  type Params,
  paramFeeds,
  paramInputs,
  prefixed,
  runningStatistics,
} from './index.js';

const [rows, width] = [3, 2];
const draw = (name: string, shape: number[], low = -1, high = 1): HostTensor => {
  const random = new Random('batch-norm', name);
  return { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.uniform(low, high)) };
};
const norm = (): Params => ({
  'bn.weight': draw('weight', [width], 0.5, 1.5),
  'bn.bias': draw('bias', [width]),
  'bn.running_mean': draw('running mean', [width]),
  'bn.running_var': draw('running variance', [width], 0.5, 2),
});
const x = draw('x', [rows, width]);
const column = (j: number) => Array.from({ length: rows }, (_, i) => x.data[i * width + j]!);
const average = (values: number[]) => values.reduce((a, b) => a + b) / values.length;

it('normalises with the statistics of its batch, and moves the running ones as PyTorch does', async () => {
  const params = norm();
  const p = paramInputs(params);
  const symbol = input('x', x.shape);
  const statistics = batchStatistics(symbol);
  const moved = movedRunning(p, 'bn', statistics, rows);
  const normal = batchNormLayer(p, 'bn', symbol, statistics);
  const program = await compile({ outputs: { y: normal, ...prefixed(moved, 'after/') } });
  const { y, ...after } = await program.run({ ...paramFeeds(params), x });
  for (let j = 0; j < width; j++) {
    const mu = average(column(j));
    const squares = column(j).map((value) => (value - mu) ** 2);
    const scale = params['bn.weight']!.data[j]! / Math.sqrt(average(squares) + 1e-5);
    for (let i = 0; i < rows; i++) {
      expect(y!.data[i * width + j]).toBeCloseTo((column(j)[i]! - mu) * scale + params['bn.bias']!.data[j]!, 5);
    }
    const unbiased = (average(squares) * rows) / (rows - 1);
    expect(after['after/bn.running_mean']!.data[j]).toBeCloseTo(
      0.9 * params['bn.running_mean']!.data[j]! + 0.1 * mu,
      5,
    );
    expect(after['after/bn.running_var']!.data[j]).toBeCloseTo(
      0.9 * params['bn.running_var']!.data[j]! + 0.1 * unbiased,
      5,
    );
  }
  await program.dispose();
});

it('differentiates through the statistics of the batch', async () => {
  const params = norm();
  const symbol = input('x', x.shape);
  const y = batchNormLayer(paramInputs(params), 'bn', symbol, batchStatistics(symbol));
  const loss = sum(mul(mul(y, y), symbol)); // Σ y² x: symmetric losses would have no gradient
  const [g] = grad(loss, [symbol]);
  const program = await compile({ outputs: { loss, g: g! } });
  const at = async () => (await program.run({ ...paramFeeds(params), x })).loss!.data[0]!;
  const exact = Array.from((await program.run({ ...paramFeeds(params), x })).g!.data);
  for (const [i, value] of exact.entries()) {
    const kept = x.data[i]!;
    x.data[i] = kept + 1e-2;
    const up = await at();
    x.data[i] = kept - 1e-2;
    const down = await at();
    x.data[i] = kept;
    expect(Math.abs((up - down) / 2e-2 - value)).toBeLessThan(2e-2 * Math.max(1, Math.abs(value)));
  }
  await program.dispose();
});

it('normalises with the running statistics, one row being enough', async () => {
  const params = norm();
  const p = paramInputs(params);
  const y = batchNormLayer(p, 'bn', input('x', [1, width]), runningStatistics(p, 'bn'));
  const program = await compile({ outputs: { y } });
  const result = await program.run({ ...paramFeeds(params), x: { shape: [1, width], data: x.data.slice(0, width) } });
  for (let j = 0; j < width; j++) {
    const of = (name: string) => params[`bn.${name}`]!.data[j]!;
    const unit = (x.data[j]! - of('running_mean')) / Math.sqrt(of('running_var') + 1e-5);
    expect(result.y!.data[j]).toBeCloseTo(unit * of('weight') + of('bias'), 5);
  }
  await program.dispose();
});

it('refuses a batch of one row to train with', () => {
  expect(() => batchStatistics(input('x', [1, 4]))).toThrow(/at least 2 rows, got \[1, 4\]/);
});
