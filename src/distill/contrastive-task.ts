import { type ClipConfig, textTower, visionTower } from '../clip/index.js';
import { type Params, param, paramFeeds, paramInputs, shardAxis } from '../nn/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import { exp, input, type Tensor } from '../tensor/index.js';
import { contrastiveLoss } from './contrastive.js';
import type { ContrastiveFeeds } from './contrastive-batches.js';
import { boundLogitScale, largestLogitScale } from './logit-scale.js';
import { lossScaleFor, scaledGradients } from './loss-scale.js';
import { OutputMeans } from './output-means.js';
import { ranksFor } from './ranks.js';
import { deviceTask, type StepResult, type Task } from './task.js';
import { keepsParameters, type TracedStep } from './traced-step.js';

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
  if (keepsParameters(options.compile)) {
    const traced: TracedStep = {
      losses: { total: loss, scale: exp(logitScale) },
      gradients,
      accumulate,
      parameters: p,
      frozen: {},
      feeds: async (n) => ({ ...(await batches.batch(n)), ...lossScale?.feeds }),
      bounds: { logit_scale: largestLogitScale },
      options: options.compile ?? {},
    };
    return deviceTask({ params, lossScale, imagesPerStep: batch * accumulate }, traced);
  }
  const outputs: Record<string, Tensor> = { loss };
  for (const name of names) outputs[`gradient/${name}`] = gradients[name]!;
  const program = await compile({ outputs, shards: shardAxis }, options.compile);
  const weights = { ...paramFeeds(params), ...lossScale?.feeds };
  const means = new OutputMeans(accumulate);

  return {
    params,
    lossScale,
    imagesPerStep: batch * accumulate,
    async step(step): Promise<StepResult> {
      const { loss, ...results } = await means.of(async (i) => {
        const feeds = await batches.batch(step * accumulate + i);
        return program.run({ ...weights, ...feeds });
      });
      const gradients = names.map((name) => [name, results[`gradient/${name}`]!.data as Float32Array]);
      return {
        losses: { total: loss!.data[0]!, scale: Math.exp(params.logit_scale!.data[0]!) },
        gradients: Object.fromEntries(gradients),
      };
    },
    constrain: () => boundLogitScale(params),
    dispose: () => program.dispose(),
  };
}
