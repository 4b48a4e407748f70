import { GradientSum } from '../train/gradient-sum.js';
import { type StepGradientsOptions, StepGradientsProgram } from '../train/step-gradients.js';
import type { Task } from '../train/task.js';

/** Losses of a step, and its gradients by parameter name, clipped and added; the next step overwrites them. */
export interface Step {
  readonly losses: Readonly<Record<string, number>>;
  readonly gradients: Readonly<Record<string, Float32Array>>;
}

/** Steps of a task on the host, without updates. */
export interface Steps {
  step(n: number): Promise<Step>;
  dispose(): Promise<void>;
}

/** @param program another copy of the class, where the task's graph was traced by modules that belong to that */
export async function openSteps(
  task: Task,
  options: StepGradientsOptions = {},
  program: Pick<typeof StepGradientsProgram, 'open'> = StepGradientsProgram,
): Promise<Steps> {
  const steps = await program.open(task, options);
  const sum = new GradientSum(task.groups);
  return {
    async step(n) {
      const found = await steps.step(n);
      return { losses: found.losses, gradients: sum.of(found).byName };
    },
    dispose: () => steps.dispose(),
  };
}
