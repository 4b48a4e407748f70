import type { Params } from '../../nn/index.js';
import type { HostTensor } from '../../tensor/index.js';
import type { Task } from '../../train/index.js';

/**
 * A task whose named parameters are rounded before every step, while what learns are latent ones: the gradient at the
 * rounded values is taken as the gradient at the latent ones, as if rounding were the identity (the straight-through
 * estimator: Bengio et al. 2013, arXiv 1308.3432, section 2.3; quantisation-aware training: Jacob et al. 2018, section 3).
 *
 * @param task its own arrays of the named parameters hold the rounded values
 * @param latent where the latent parameters begin, by name; its arrays are trained
 * @param round values of a latent parameter as they are stored
 */
export function straightThrough(
  task: Task,
  latent: Params,
  round: (name: string, latent: HostTensor) => HostTensor<Float32Array>,
): Task {
  return {
    ...task,
    traced: undefined, // rounding is done here
    params: { ...task.params, ...latent },
    step(step) {
      for (const [name, own] of Object.entries(latent)) task.params[name]!.data.set(round(name, own).data);
      return task.step(step);
    },
  };
}
