import { expect, it } from 'vitest';
import type { Group } from '../../group/index.js';
import { grad, input, l2Normalize, linear, mul, square, stagesOf, sum, sumOverProcesses } from '../../tensor/index.js';
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

it('hands nothing from stage to stage that fixed inputs and constants alone are read for', () => {
  const texts = l2Normalize(mul(input('texts', [4, 3]), 2));
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

it('is refused beside tensor parallelism', async () => {
  const program = compile({ outputs: { loss }, shards: () => undefined }, { group: twins, ranks: 2 });
  await expect(program).rejects.toThrow('--tensor-parallel 2: expected 1');
});
