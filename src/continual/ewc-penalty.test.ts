import { expect, it } from 'vitest';
import { paramInputs } from '../nn/index.js';
import { compile } from '../runtime/index.js';
import { grad } from '../tensor/index.js';
import { balancedLambda, ewcPenalty, movedAnchor, oneAnchor } from './ewc-penalty.js';

const vector = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) });
const anchor = (fisher: number[], values: number[]) => ({
  fisher: { w: vector(...fisher) },
  values: { w: vector(...values) },
});
const at = { w: vector(1, 2, 3) };

async function evaluate(of: ReturnType<typeof anchor>, lambda: number) {
  const parameters = paramInputs(at);
  const { penalty, frozen } = ewcPenalty(parameters, of, lambda);
  const [gradient] = grad(penalty, [parameters.w!]);
  const program = await compile({ outputs: { penalty, gradient: gradient! } });
  const made = await program.run({ ...at, ...frozen });
  const found = { penalty: made.penalty!.data[0]!, gradient: [...made.gradient!.data] };
  await program.dispose();
  return found;
}

it('is λ/2 Σ F (θ − θ*)², with the half', async () => {
  const { penalty, gradient } = await evaluate(anchor([1, 2, 0], [0, 1, 0]), 10);
  expect(penalty).toBeCloseTo((10 / 2) * (1 * 1 + 2 * 1), 4);
  expect(gradient).toEqual([10, 20, 0]);
});

it('of several anchors, one has the gradient of them all', async () => {
  const many = [anchor([1, 2, 0], [0, 1, 0]), anchor([3, 0, 4], [2, 5, 1])];
  const each = await Promise.all(many.map((one) => evaluate(one, 2)));
  const { gradient } = await evaluate(oneAnchor(many) as ReturnType<typeof anchor>, 2);
  for (const [k, value] of gradient.entries())
    expect(value).toBeCloseTo(each[0]!.gradient[k]! + each[1]!.gradient[k]!, 4);
});

it('an online anchor keeps a share of what was, around where the last task ended', () => {
  expect(movedAnchor(anchor([4, 2, 0], [0, 0, 0]), anchor([1, 1, 1], [7, 8, 9]), 0.5)).toEqual(
    anchor([3, 2, 1], [7, 8, 9]),
  );
});

it('a balanced λ pulls as hard as the task pushes', async () => {
  const of = anchor([1, 2, 0], [0, 1, 0]);
  const gradient = [Float32Array.of(3, 0, 4)];
  const { gradient: pull } = await evaluate(of, balancedLambda(gradient, of, at));
  expect(Math.hypot(...pull)).toBeCloseTo(5, 4);
  expect(balancedLambda(gradient, of, of.values)).toBe(0);
});
