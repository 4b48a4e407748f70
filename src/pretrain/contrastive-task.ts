import { type ClipConfig, textTower, visionTower } from '../clip/index.js';
import { largestLogitScale, ranksFor } from '../model/index.js';
import { type Params, param, paramInputs, shardAxis } from '../nn/index.js';
import type { CompileOptions } from '../runtime/index.js';
import { exp, input } from '../tensor/index.js';
import type { Task } from '../train/index.js';
import { lossScaleFor, scaledGradients, tracedTask } from '../train/index.js';
import { contrastiveLoss } from './contrastive.js';
import type { ContrastiveFeeds } from './contrastive-batches.js';

export interface ContrastiveTaskOptions {
  readonly batch: number;
  readonly context: number;
  /** Batches a step, of which losses and gradients are averaged. */
  readonly accumulate: number;
  readonly smoothing: number;
  readonly recompute?: boolean;
  readonly compile?: CompileOptions;
}

/** Both towers, trained by the symmetric contrastive loss: forward, loss and gradients in one compiled graph. */
export async function contrastiveTask(
  config: ClipConfig,
  params: Params,
  batches: { batch(n: number): Promise<ContrastiveFeeds> },
  options: ContrastiveTaskOptions,
): Promise<Task & { dispose(): Promise<void> }> {
  const { batch, context, accumulate } = options;
  const tower = { recompute: options.recompute, ranks: ranksFor('model', config, options.compile) };
  const lossScale = lossScaleFor(options.compile?.precision);
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
  const names = Object.keys(params);
  const gradients = Object.fromEntries(
    scaledGradients(loss, Object.values(p), lossScale).map((gradient, i) => [names[i]!, gradient]),
  );
  return tracedTask(
    { params, lossScale, imagesPerStep: batch * accumulate },
    {
      losses: { total: loss, scale: exp(logitScale) },
      gradients,
      accumulate,
      parameters: p,
      frozen: {},
      feeds: (n) => batches.batch(n),
      bounds: { logit_scale: largestLogitScale },
      options: options.compile ?? {},
    },
    shardAxis,
  );
}
