import type { Params } from '../../nn/index.js';
import type { HostTensor } from '../../tensor/index.js';
import type { Task } from '../../train/index.js';

/**
 * A task whose named parameters are fed rounded, while what learns are latent ones: the gradient at the rounded values is
 * taken as the gradient at the latent ones, as if rounding were the identity (the straight-through estimator: Bengio et al.
 * 2013, arXiv 1308.3432, section 2.3; quantisation-aware training: Jacob et al. 2018, section 3).
 *
 * @param latent where the latent parameters begin, by name; its arrays are trained
 * @param round values of a latent parameter as they are stored
 */
export function straightThrough(
  task: Task,
  latent: Params,
  round: (name: string, latent: HostTensor) => HostTensor<Float32Array>,
): Task & Required<Pick<Task, 'fedAs'>> {
  return {
    ...task,
    params: { ...task.params, ...latent },
    fedAs: () => Object.fromEntries(Object.entries(latent).map(([name, own]) => [name, round(name, own)])),
  };
}
