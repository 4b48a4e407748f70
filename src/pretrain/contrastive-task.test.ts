import { expect, it } from 'vitest';
import { initClip } from '../clip/towers/initialise.js';
import { openSteps, type Step } from '../test/training.fixture.js';
import { contrastiveTask } from './contrastive-task.js';
import { batch, batches, config } from './tiny-contrastive.fixture.js';

it.each([2, 3])('averages loss and gradients over %i batches a step', async (accumulate) => {
  const params = initClip(config, 1);
  const task = contrastiveTask(config, params, batches, { batch, context: 10, smoothing: 0 });
  const single = await openSteps(task, { compile: { threads: 1 } });
  const together = await openSteps(task, { accumulate, compile: { threads: 1 } });
  for (const step of [0, 1]) {
    const parts: Step[] = [];
    for (let micro = 0; micro < accumulate; micro++) {
      const { losses, gradients } = await single.step(step * accumulate + micro);
      parts.push({ losses, gradients: structuredClone(gradients) });
    }
    const mean = (of: (part: Step) => number) => parts.reduce((sum, part) => sum + of(part), 0) / accumulate;
    const { losses, gradients } = await together.step(step);
    expect(losses.total).toBeCloseTo(
      mean((part) => part.losses.total!),
      6,
    );
    for (const [name, gradient] of Object.entries(gradients)) {
      const expected = gradient.map((_, i) => mean((part) => part.gradients[name]![i]!));
      const error = Math.hypot(...gradient.map((g, i) => g - expected[i]!));
      expect(error, name).toBeLessThanOrEqual(1e-6 * Math.hypot(...expected));
    }
  }
  await Promise.all([single.dispose(), together.dispose()]);
});
