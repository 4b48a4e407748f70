import { type ClipConfig, type Family, familyOf } from '../clip/index.js';

/** How high training lets a model's `logit_scale` go, by its family, as a task's bounds; empty where there is no limit. */
export function logitBounds(config: Pick<ClipConfig, 'model_type'>, prefix = ''): Readonly<Record<string, number>> {
  const { largestLogitScale }: Family = familyOf(config);
  return largestLogitScale === undefined ? {} : { [`${prefix}logit_scale`]: largestLogitScale };
}
