import { z } from 'zod';
import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { defineLoss, givesTargets, type LossContext, lossFields } from './loss.js';

/** Attention distillation of the vision tower, layer by mapped layer: see {@link attentionLoss}; of several teachers the mean. */
export const attention = defineLoss({
  name: 'attention',
  label: 'Attention',
  about: 'Distance of mapped layers’ attention maps.',
  schema: z.object(lossFields(100)).prefault({}),
  coordination: 'gamma',
  requires: { innerStates: 'always', mappedLayers: 'it compares the attention of mapped layers' },
  stored: (pairs) => ({ attention: pairs.map(({ teacher }) => teacher) }),
  build(context) {
    const of = ({ pairs, attention: own, target }: Pick<LossContext, 'pairs' | 'attention' | 'target'>) =>
      attentionLoss(
        pairs.map(({ student, teacher }) => ({ student: own(student), teacher: target(`attention.${teacher}`) })),
      );
    if (context.others.length === 0) return context.own(of(context));
    const given = [context, ...context.others].filter((one) => givesTargets(one, 'attention'));
    const mean = t.mul(
      given.map(of).reduce((a, b) => t.add(a, b)),
      1 / given.length,
    );
    return context.own(mean);
  },
});

/** A mapped layer's maps: the student's on the teacher's grid, and the teacher's. Both [B, T, T]. */
export interface AttentionPair {
  student: Tensor;
  teacher: Tensor;
}

/** The attention loss: element-wise MSE between head-averaged maps, the mean over mapped layers. */
export function attentionLoss(pairs: readonly AttentionPair[]): Tensor {
  if (pairs.length === 0) throw new RangeError('attentionLoss: expected at least one pair, got none');
  const total = pairs
    .map(({ student, teacher }) => t.mean(t.square(t.sub(student, t.stopGradient(teacher)))))
    .reduce((a, b) => t.add(a, b));
  return t.mul(total, 1 / pairs.length);
}
