import { EpochOrder } from '../../../loader/index.js';
import { gatherHostRows } from '../../../math/index.js';
import { type Params, paramFeeds, paramInputs, prefixed, sigmoidCrossEntropy } from '../../../nn/index.js';
import type { HostTensor } from '../../../tensor/index.js';
import * as t from '../../../tensor/index.js';
import type { Task } from '../../../train/index.js';
import { headPrefix } from '../head/finding-graph.js';
import { findingHead, type HeadConfig } from '../head/finding-head.js';
import type { ReportIndexRecipe } from './index-recipe.js';

/** Frozen features of images, and what is to be learned of them; a row an image. */
export interface FindingRows {
  /** [N, P, D] */
  readonly patches: HostTensor<Float32Array>;
  /** Unit rows [N, E]. */
  readonly embed: HostTensor<Float32Array>;
  /** 1: the report affirms the finding [N, F]. */
  readonly targets: HostTensor<Float32Array>;
  /** 0: the report doubts it [N, F]. */
  readonly counts: HostTensor<Float32Array>;
  /** The teacher's probabilities [N, F]. */
  readonly teacher?: HostTensor<Float32Array>;
}

/**
 * Trains a head on frozen features by decisions:
 *
 *     loss = a · 1/B Σ m BCE(z, y) + b · 1/B Σ BCE(z, p_t)
 *
 * y is what the report affirms, m is 0 where it doubts, p_t the teacher's calibrated probability: distillation by soft targets
 * (Hinton et al. 2015) for a label each.
 */
export function findingTask(
  params: Params,
  config: HeadConfig,
  rows: FindingRows,
  { batch, seed, losses: weights }: Pick<ReportIndexRecipe, 'batch' | 'seed' | 'losses'>,
): Task {
  const tables: Record<string, HostTensor<Float32Array>> = {
    ...{ patches: rows.patches, embed: rows.embed, targets: rows.targets, counts: rows.counts },
    ...(rows.teacher && { teacher: rows.teacher }),
  };
  const feeds = Object.fromEntries(
    Object.entries(tables).map(([name, { shape }]) => {
      const own = [batch, ...shape.slice(1)];
      return [name, { shape: own, data: new Float32Array(t.elements(own)) }];
    }),
  );
  const input = (name: string) => t.input(name, feeds[name]!.shape);
  const learned = paramInputs(params, headPrefix);
  const { logits } = findingHead(learned, config, { patches: input('patches'), embed: input('embed') });
  const decisions = t.sub(t.softplus(logits), t.mul(input('targets'), logits)); // [B, F]
  const losses: Record<string, t.Tensor> = { labels: t.mean(t.sum(t.mul(input('counts'), decisions), [1])) };
  if (rows.teacher) losses.teacher = sigmoidCrossEntropy(logits, input('teacher'));
  const total = Object.entries(losses)
    .map(([name, loss]) => t.mul(loss, weights[name as keyof typeof weights]))
    .reduce((a, b) => t.add(a, b));
  const order = new EpochOrder(rows.targets.shape[0]!, seed);
  return {
    params: paramFeeds(params, headPrefix),
    parameters: prefixed(learned, headPrefix),
    losses: { total, ...losses },
    groups: [{ name: 'total', loss: total }],
    frozen: {},
    async feeds(n) {
      const chosen = Array.from({ length: batch }, (_, i) => order.at(n * batch + i).example);
      for (const [name, { shape, data }] of Object.entries(tables)) {
        gatherHostRows(data, t.elements(shape.slice(1)), chosen, feeds[name]!.data);
      }
      return feeds;
    },
    imagesPerBatch: batch,
  };
}
