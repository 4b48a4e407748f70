import { type ClipConfig, familyOf, textTower, visionTower } from '../clip/index.js';
import { UserError } from '../errors.js';
import { logitBounds, ranksFor } from '../model/index.js';
import { BatchShare, type Params, param, paramInputs, shardAxis } from '../nn/index.js';
import type { CompileOptions } from '../runtime/index.js';
import { exp, input, mean } from '../tensor/index.js';
import type { Task } from '../train/index.js';
import { contrastiveLoss } from './contrastive.js';
import type { ContrastiveFeeds } from './contrastive-batches.js';
import { sigmoidContrastiveLoss } from './sigmoid-contrastive.js';

export interface ContrastiveTaskOptions {
  /** Images a batch, of all processes together. */
  readonly batch: number;
  readonly context: number;
  readonly smoothing: number;
  readonly recompute?: boolean;
  readonly compile?: CompileOptions;
}

/**
 * Both towers, trained by their family's own loss: CLIP's symmetric contrastive one, or SigLIP's for each pair. Of several
 * processes each runs the towers over its own images and texts; the loss is over those of all.
 *
 * @throws UserError where the ranks do not divide the towers' heads and hidden units, or for smoothed labels of a SigLIP
 */
export function contrastiveTask(
  config: ClipConfig,
  params: Params,
  batches: { batch(n: number): Promise<ContrastiveFeeds> },
  options: ContrastiveTaskOptions,
): Task {
  const { batch, context } = options;
  const ranks = ranksFor('model', config, options.compile);
  const tower = { recompute: options.recompute, ranks, pooledOnly: true };
  const share = new BatchShare(batch, options.compile?.group);
  const own = share.images.count;
  const size = config.vision_config.image_size;
  const p = paramInputs(params, '', tower.ranks);
  const images = visionTower(p, config, input('pixels', [own, 3, size, size]), tower);
  const texts = textTower(p, config, input('ids', [own, context], 'int32'), input('ends', [own], 'int32'), tower);
  const [image, text] = [share.gather(images.embed), share.gather(texts.embed)]; // [B, P] each
  const logitScale = param(p, 'logit_scale');
  const matches = input('matches', [batch, batch]);
  const byPairs = familyOf(config).contrastiveLoss === 'sigmoid';
  if (byPairs && options.smoothing > 0) {
    // Of B² decisions all but some B are no: a share of each taken for yes would be most of what is learned.
    throw new UserError(
      `label_smoothing: expected 0 for a ${familyOf(config).name}, whose loss decides each pair by itself, got ${options.smoothing}`,
    );
  }
  const loss = share.whole(
    byPairs
      ? sigmoidContrastiveLoss(image, text, logitScale, param(p, 'logit_bias'), matches)
      : contrastiveLoss(image, text, logitScale, matches, options.smoothing),
  );
  return {
    params,
    parameters: p,
    losses: { total: loss, scale: share.whole(mean(exp(logitScale))) },
    groups: [{ name: 'total', loss }],
    frozen: {},
    feeds: (n) => batches.batch(n),
    imagesPerBatch: own,
    bounds: logitBounds(config),
    split: { ranks, axis: shardAxis },
  };
}
