import { madeByFirst } from '../group/index.js';
import { copyParams } from '../nn/index.js';
import { adamw } from './adamw.js';
import { type ExecutorOptions, openExecutor } from './executor.js';
import type { Task } from './task.js';

/**
 * Seconds of one update, by timing a few. They are done on copies, at a rate of 0: the task's parameters keep their bits.
 *
 * @param atMost seconds after which no further update is begun; the first, which reads images and makes buffers, does not count
 */
export async function timeSteps(
  task: Task,
  { accumulate, compile }: Pick<ExecutorOptions, 'accumulate' | 'compile'>,
  atMost = 10,
): Promise<number> {
  // All of a group take the same steps, as many as the first one has time for.
  const { group } = compile ?? {};
  const params = copyParams(task.params);
  const executor = await openExecutor(
    { ...task, params },
    { accumulate, compile, optimizer: adamw(params), learningRate: () => 0 },
  );
  try {
    await executor.run(0, executor.stepsAtOnce);
    const count = Math.max(3, executor.stepsAtOnce);
    const started = performance.now();
    const taken = () => (performance.now() - started) / 1000;
    let step = 0;
    do {
      await executor.run(step, executor.stepsAtOnce);
      step += executor.stepsAtOnce;
    } while (await madeByFirst(group, () => step < count && taken() < atMost));
    return await madeByFirst(group, () => taken() / step);
  } finally {
    await executor.dispose();
  }
}
