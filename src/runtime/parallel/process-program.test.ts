import { expect, it } from 'vitest';
import type { Group } from '../../group/index.js';
import {
  add,
  constant,
  grad,
  input,
  l2Normalize,
  linear,
  mul,
  square,
  stagesOf,
  sum,
  sumOverProcesses,
} from '../../tensor/index.js';
import { built } from '../../test/ranks.fixture.js';
import { compile } from '../program.js';

/** As if another process had exactly the same numbers. */
const twins: Group = {
  rank: 0,
  size: 2,
  spent: { waiting: 0, summing: 0 },
  allReduce: (data) => data.set(data.map((x) => 2 * x)),
  broadcast() {},
  async barrier() {},
  close() {},
};

const x = input('x', [3]);
// Of each process: Σ (x₁ + x₂)² · 3, the loss being the sum of both.
const loss = sum(mul(square(sumOverProcesses(mul(x, 2))), 3));
const feeds = { x: { shape: [3], data: Float32Array.of(1, -2, 0.5) } };

it('sums over the group, and brings gradients back from all processes', async () => {
  const into = { gradient: new Float32Array(3) };
  const program = await compile(
    { outputs: { loss, gradient: grad(loss, [x])[0]! }, into },
    { group: twins, threads: 1 },
  );
  const made = await program.run(feeds);
  await program.dispose();
  // y = 4 x, loss 3 y², its gradient 6 y of each process, summed, times 2.
  expect(made.loss!.data[0]).toBeCloseTo(3 * 16 * 5.25, 4);
  expect([...into.gradient]).toEqual([1, -2, 0.5].map((v) => 6 * 4 * v * 2 * 2));
});

it('hands the fewest bytes from stage to stage, and computes again what takes no product', () => {
  const read = mul(linear(input('rows', [4, 2]), input('wide', [3, 2])), 2); // [4, 3]
  const table = square(read);
  const outputs = { both: add(linear(sumOverProcesses(input('x', [2, 3])), table), sum(read)) };
  const { stages } = stagesOf(outputs);
  // Square and sum are computed again, and the product, which both come of, is what goes.
  expect(Object.values(stages[0]!.outputs).map(({ shape }) => shape)).toEqual([
    [2, 3],
    [4, 3],
  ]);
});

it('hands nothing from stage to stage that fixed inputs and constants alone are read for', () => {
  const texts = l2Normalize(
    mul(linear(input('texts', [4, 3]), constant({ shape: [3, 3], data: new Float32Array(9) })), 2),
  );
  const outputs = { cosines: linear(sumOverProcesses(input('x', [2, 3])), texts) };
  const handed = (fixed?: Record<string, unknown>) =>
    stagesOf(outputs, fixed).stages.map(({ outputs }) => Object.values(outputs).map(({ shape }) => shape));
  expect(handed({ texts: true })).toEqual([[[2, 3]], [[2, 4]]]);
  expect(handed()).toEqual([
    [
      [2, 3],
      [4, 3],
    ],
    [[2, 4]],
  ]);
});

it('joins the sums of ranks within a process and those over processes', async () => {
  // Workers run what is built, and so must the graphs that are made for them.
  const [t, runtime] = await Promise.all([
    built<typeof import('../../tensor/index.js')>('tensor/index.js'),
    built<typeof import('../index.js')>('runtime/index.js'),
  ]);
  const [w, x] = [t.input('w', [2, 1]), t.input('x', [3, 2])]; // w is split over the ranks: [4, 1] in all
  const each = t.sumOverRanks(t.matmul(x, w)); // [3, 1]
  const twice = t.sumOverProcesses(t.mul(t.sumOverProcesses(each), each));
  const loss = t.sum(twice);
  const outputs = { loss, gradient: t.grad(loss, [w])[0]! };
  const shards = (name: string) => (name === 'w' || name === 'gradient' ? 0 : undefined);
  const program = await runtime.compile({ outputs, shards }, { group: twins, ranks: 2, threads: 1 });
  const feeds = {
    x: { shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    w: { shape: [4, 1], data: Float32Array.of(1, 2, 3, 4) },
  };
  await program.run(feeds);
  const made = await program.run(feeds); // meets memory that was used
  await program.dispose();
  // y = x (w₁ + w₂) = x (4, 6)ᵀ = (16, 36, 56); twice = 2 · 2 y y.
  expect(made.loss!.data[0]).toBe(4 * (16 ** 2 + 36 ** 2 + 56 ** 2));
  // The loss of each process is (y₁ + y₂)², that of both 2 (y₁ + y₂)²: 8 y of a process, times x.
  expect([...made.gradient!.data]).toEqual(
    [1, 2, 1, 2].map((n) => 8 * (n === 1 ? 16 * 1 + 36 * 3 + 56 * 5 : 16 * 2 + 36 * 4 + 56 * 6)),
  );
});
