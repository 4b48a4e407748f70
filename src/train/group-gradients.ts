import { grad, inputsOf, type Tensor } from '../tensor/index.js';
import type { LossScale } from './loss-scale.js';
import type { Task } from './task.js';

/** By parameter name. */
export type TracedGradients = Readonly<Record<string, Tensor>>;

/** The gradient graphs of a task's groups, by group: of each parameter that the group's loss depends on. */
export function groupGradients(
  { parameters, groups }: Pick<Task, 'parameters' | 'groups'>,
  lossScale?: LossScale,
): Readonly<Record<string, TracedGradients>> {
  return Object.fromEntries(
    groups.map(({ name, loss }) => {
      const inputs = inputsOf(loss);
      const reached = Object.keys(parameters).filter((parameter) => parameter in inputs);
      const wrt = reached.map((parameter) => parameters[parameter]!);
      const gradients = lossScale ? lossScale.gradients(loss, wrt) : grad(loss, wrt);
      return [name, Object.fromEntries(reached.map((parameter, i) => [parameter, gradients[i]!]))];
    }),
  );
}
