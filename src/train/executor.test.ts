import { describe, expect, it } from 'vitest';
import { Random } from '../math/random.js';
import { abs, input, linear, mean, square, sub } from '../tensor/index.js';
import { adamw } from './adamw.js';
import { type ExecutorOptions, openExecutor } from './executor.js';
import { type StepGradients, StepGradientsProgram } from './step-gradients.js';
import type { Task } from './task.js';

const IN = 3;
const OUT = 2;

/** Rows `from` … `from + count − 1` of endless data. */
function rows(name: string, from: number, count: number, width: number) {
  const data = Array.from({ length: count }, (_, i) => {
    const random = new Random('executor', name, from + i);
    return Array.from({ length: width }, () => random.normal());
  });
  return { shape: [count, width], data: Float32Array.from(data.flat()) };
}

/**
 * A linear map fitted to noise by two groups of losses, means over its rows; only the second reaches `gain`.
 *
 * @param first the first row of batch `n`
 */
function regression(batch: number, first: (n: number) => number): Task {
  const [weight, gain] = [input('weight', [OUT, IN]), input('gain', [1, OUT])];
  const fitted = linear(input('x', [batch, IN]), weight);
  const fit = mean(square(sub(fitted, input('y', [batch, OUT]))));
  const size = mean(abs(sub(fitted, gain)));
  return {
    params: {
      weight: { shape: [OUT, IN], data: Float32Array.from({ length: OUT * IN }, (_, i) => Math.sin(i + 1)) },
      gain: { shape: [1, OUT], data: new Float32Array(OUT) },
    },
    parameters: { weight, gain },
    losses: { fit, size },
    groups: [
      { name: 'fit', loss: fit, clip: 0.5 },
      { name: 'size', loss: size },
    ],
    frozen: {},
    feeds: async (n) => ({ x: rows('x', first(n), batch, IN), y: rows('y', first(n), batch, OUT) }),
    imagesPerBatch: batch,
  };
}

const compile = { threads: 1 };
const options = (task: Task, more: Partial<ExecutorOptions> = {}): ExecutorOptions => ({
  ...{ optimizer: adamw(task.params, { weightDecay: 0.1 }), learningRate: () => 0.05, clipNorm: 0.7, compile },
  ...more,
});

describe('the gradients of a step', () => {
  it('lie by group in one flat array, before any clipping', async () => {
    const task = regression(4, (n) => 4 * n);
    const program = await StepGradientsProgram.open(task, { compile });
    const { groups, losses, images } = await program.step(0);
    await program.dispose();
    expect(images).toBe(4);
    expect(Object.keys(losses)).toEqual(['fit', 'size']);
    const places = Object.entries(groups).map(([group, { flat, byName }]) => [
      ...[group, flat.length],
      ...Object.entries(byName).flatMap(([name, g]) => [name, g.byteOffset / 4, g.length]),
      Object.values(byName).every(({ buffer }) => buffer === flat.buffer),
    ]);
    expect(places).toEqual([
      ['fit', 8, 'weight', 0, 6, true],
      ['size', 12, 'weight', 0, 6, 'gain', 8, 2, true],
    ]);
    const [x, y] = [rows('x', 0, 4, IN).data, rows('y', 0, 4, OUT).data];
    const w = task.params.weight!.data;
    // ∂fit/∂W = 2/(B·O) Σ_rows (W x − y) xᵀ
    const expected = Array.from({ length: OUT * IN }, (_, at) => {
      const [o, i] = [Math.floor(at / IN), at % IN];
      let sum = 0;
      for (let row = 0; row < 4; row++) {
        let fitted = 0;
        for (let k = 0; k < IN; k++) fitted += w[o * IN + k]! * x[row * IN + k]!;
        sum += (fitted - y[row * OUT + o]!) * x[row * IN + i]!;
      }
      return (2 * sum) / (4 * OUT);
    });
    expect(Math.hypot(...expected)).toBeGreaterThan(0.5); // so that the limit would have been felt
    for (const [i, g] of expected.entries()) expect(groups.fit!.flat[i]).toBeCloseTo(g, 5);
  });
});

describe('a reduction over processes', () => {
  /** All-reduce of two ranks in one process: each waits for the other, and both get means and sums. */
  function pairOfRanks(): ((step: StepGradients) => Promise<void>)[] {
    let waiting: { step: StepGradients; done: () => void } | undefined;
    const meet = (mine: StepGradients) =>
      new Promise<void>((done) => {
        if (!waiting) {
          waiting = { step: mine, done };
          return;
        }
        const other = waiting;
        waiting = undefined;
        const both = [mine, other.step] as const;
        for (const group of Object.keys(mine.groups)) {
          const flats = both.map(({ groups }) => groups[group]!.flat) as [Float32Array, Float32Array];
          const average = flats[0].map((g, i) => (g + flats[1][i]!) / 2);
          for (const flat of flats) flat.set(average);
        }
        for (const name of Object.keys(mine.losses)) {
          const average = (mine.losses[name]! + other.step.losses[name]!) / 2;
          for (const step of both) step.losses[name] = average;
        }
        const images = mine.images + other.step.images;
        for (const step of both) step.images = images;
        done();
        other.done();
      });
    return [meet, meet];
  }

  it.each([1, 2])('of half a batch each gives what one process gives of the whole: %i batches a step', async (n) => {
    const [half, steps] = [3, 6];
    const whole = regression(2 * half, (batch) => batch * 2 * half);
    const alone = await openExecutor(whole, options(whole, { accumulate: n }));
    const expected = await alone.run(0, steps);

    const ranks = pairOfRanks().map(async (reduce, rank) => {
      const task = regression(half, (batch) => (2 * batch + rank) * half);
      const executor = await openExecutor(task, options(task, { accumulate: n, reduce }));
      const reports = await executor.run(0, steps);
      await executor.dispose();
      return { task, reports };
    });
    const [one, other] = await Promise.all(ranks);
    expect(other!.task.params).toEqual(one!.task.params);
    expect(other!.reports).toEqual(one!.reports);
    for (const [i, { losses, gradientNorm, images }] of one!.reports.entries()) {
      expect(images).toBe(2 * half * n);
      expect(gradientNorm).toBeCloseTo(expected[i]!.gradientNorm, 5);
      for (const [name, loss] of Object.entries(losses)) expect(loss).toBeCloseTo(expected[i]!.losses[name]!, 5);
    }
    for (const [name, { data }] of Object.entries(whole.params)) {
      for (const [i, x] of data.entries()) expect(one!.task.params[name]!.data[i]).toBeCloseTo(x, 5);
    }
    await alone.dispose();
  });

  it('comes before the limits: of clipped halves the mean would be another', async () => {
    const task = regression(3, (n) => 3 * n);
    const seen: number[] = [];
    const reduce = ({ groups }: StepGradients) => void seen.push(Math.hypot(...groups.fit!.flat));
    const executor = await openExecutor(task, options(task, { reduce }));
    await executor.run(0, 1);
    await executor.dispose();
    expect(seen[0]).toBeGreaterThan(0.5);
  });
});

it.each([
  [{ resident: true, reduce: () => {} }, 'need the parameters on the host'],
  [{ compile: { ranks: 2 } }, 'the task is split over 1 ranks, the options say 2'],
])('refuses %j', async (more, message) => {
  const task = regression(2, (n) => n);
  await expect(openExecutor(task, options(task, more))).rejects.toThrow(message);
});
