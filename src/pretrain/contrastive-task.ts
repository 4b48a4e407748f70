import { type ClipConfig, textTower, visionTower } from '../clip/index.js';
import { largestLogitScale, ranksFor } from '../model/index.js';
import { type Params, param, paramInputs, shardAxis } from '../nn/index.js';
import type { CompileOptions } from '../runtime/index.js';
import { exp, input } from '../tensor/index.js';
import type { Task } from '../train/index.js';
import { contrastiveLoss } from './contrastive.js';
import type { ContrastiveFeeds } from './contrastive-batches.js';

export interface ContrastiveTaskOptions {
  readonly batch: number;
  readonly context: number;
  readonly smoothing: number;
  readonly recompute?: boolean;
  readonly compile?: CompileOptions;
}

/**
 * Both towers, trained by the symmetric contrastive loss.
 *
 * @throws UserError where the ranks do not divide the towers' heads and hidden units
 */
export function contrastiveTask(
  config: ClipConfig,
  params: Params,
  batches: { batch(n: number): Promise<ContrastiveFeeds> },
  options: ContrastiveTaskOptions,
): Task {
  const { batch, context } = options;
  const tower = { recompute: options.recompute, ranks: ranksFor('model', config, options.compile) };
  const size = config.vision_config.image_size;
  const p = paramInputs(params, '', tower.ranks);
  const images = visionTower(p, config, input('pixels', [batch, 3, size, size]), tower);
  const texts = textTower(p, config, input('ids', [batch, context], 'int32'), input('ends', [batch], 'int32'), tower);
  const logitScale = param(p, 'logit_scale');
  const loss = contrastiveLoss(
    images.embed,
    texts.embed,
    logitScale,
    input('matches', [batch, batch]),
    options.smoothing,
  );
  return {
    params,
    parameters: p,
    losses: { total: loss, scale: exp(logitScale) },
    groups: [{ name: 'total', loss }],
    frozen: {},
    feeds: (n) => batches.batch(n),
    imagesPerBatch: batch,
    bounds: { logit_scale: largestLogitScale },
    split: { ranks: tower.ranks, axis: shardAxis },
  };
}
