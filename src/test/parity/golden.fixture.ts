import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { readSafetensors } from '../../files/index.js';
import type { Params } from '../../nn/index.js';
import type { HostTensor } from '../../tensor/index.js';
import { closeness, gradientBound, valueBound } from '../closeness.js';
import { optimizedGraphs } from '../optimized.fixture.js';

const ownCopies = 'fixtures/golden';
const root = resolve(process.env.PROMPTKD_GOLDEN ?? ownCopies);

/** Whether the suite runs on the project's own copies. */
export const isOwn = root === resolve(ownCopies);

declare module 'vitest' {
  interface TaskMeta {
    /** What `npm run parity` prints beside the check. */
    parity?: string;
  }
}

/**
 * The checks of one part of a folder of golden tensors; a part that the folder lacks is skipped, and says so.
 *
 * @param check makes the tests, given the part's folder and the tensors of its `golden.safetensors`
 */
export function parity(part: string, check: (dir: string, golden: Params) => void): void {
  describe(`${part}/`, () => {
    optimizedGraphs();
    if (!existsSync(root)) throw new Error(`PROMPTKD_GOLDEN: expected a folder of golden tensors, got ${root}`);
    const dir = join(root, part);
    if (existsSync(dir)) check(dir, readSafetensors(join(dir, 'golden.safetensors')).tensors);
    else it('all', ({ skip }) => skip(`${root} has no ${part}/`));
  });
}

/** One test for each golden tensor but `inputs`, against the tensor of that name among `results`; `….grad.…` are gradients. */
export function eachTensor(golden: Params, inputs: (name: string) => boolean, results: () => Params): void {
  const gradients = Object.keys(golden).filter((name) => name.includes('.grad.'));
  const all = gradients.map((name) => golden[name]!);
  for (const name of Object.keys(golden).filter((each) => !inputs(each))) {
    const expected = golden[name]!;
    const bound = gradients.includes(name) ? gradientBound(expected, all) : undefined;
    it(name, ({ task }) =>
      expectClose(task, results()[name], expected, bound === undefined ? valueBound : () => bound),
    );
  }
}

/** Every element within its bound; the largest difference is kept for the report. */
function expectClose(
  task: TestContext['task'],
  got: HostTensor | undefined,
  expected: HostTensor,
  bound: (reference: number) => number,
): void {
  expect(got?.shape).toEqual(expected.shape);
  const { largest, outside } = closeness(got!, expected, bound);
  task.meta.parity = `largest difference ${largest.toExponential(1)}`;
  if (outside >= 0) {
    expect.fail(
      `element ${outside}: got ${got!.data[outside]}, expected ${expected.data[outside]}; ${task.meta.parity}`,
    );
  }
}
