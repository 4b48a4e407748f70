import { expect, it } from 'vitest';
import { type Group, single } from '../group/index.js';
import { compile } from '../runtime/index.js';
import { grad, input, mul, sum } from '../tensor/index.js';
import { BatchShare } from './batch-share.js';

/** Rows whose sum in float32 depends on the order. */
const cotangents = Float32Array.of(1e8, 0, 4, -1e8, -1e8, 1e8, 2, 3);

/** The gradient of a parameter [2] that four images read, times `cotangents` [4, 2], as rank `rank` of `size` finds it. */
async function gradientBy(rank: number, size: number) {
  const others = (data: Float32Array) => data.set(cotangents);
  const group: Group = size === 1 ? single : { ...single, rank, size, allReduce: others };
  const share = new BatchShare(4, group);
  const { from, count } = share.images;
  const parameter = input('parameter', [2]);
  const loss = sum(mul(share.forEachRow(parameter), input('cotangents', [count, 2])));
  const program = await compile({ outputs: { gradient: grad(loss, [parameter])[0]! } }, { group, threads: 1 });
  const own = { shape: [count, 2], data: cotangents.slice(2 * from, 2 * (from + count)) };
  const { gradient } = await program.run({ parameter: { shape: [2], data: new Float32Array(2) }, cotangents: own });
  await program.dispose();
  return [...gradient!.data];
}

it('adds up the gradient of what every image reads in the order of the images, whoever computes them', async () => {
  const alone = await gradientBy(0, 1);
  expect(await gradientBy(0, 2)).toEqual(alone);
  expect(await gradientBy(1, 2)).toEqual([0, 0]);
  const halves = [0, 1].map((half) => Math.fround(cotangents[4 * half]! + cotangents[4 * half + 2]!));
  expect(Math.fround(halves[0]! + halves[1]!)).not.toBe(alone[0]);
});
