import { type ClipConfig, clipLogits, fullTexts, textTower, visionTower } from '../clip/index.js';
import { type Params, paramFeeds, paramInputs } from '../nn/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import * as t from '../tensor/index.js';
import type { Batches } from './batches.js';
import type { Gradients } from './coordinate.js';
import { fitPixels } from './dual-stream.js';
import { boundLogitScale, largestLogitScale } from './logit-scale.js';
import { lossScaleFor, scaledGradients } from './loss-scale.js';
import { OutputMeans } from './output-means.js';
import { ranksFor, taskShards } from './ranks.js';
import type { DistillRecipe } from './recipe.js';
import { responseLoss } from './response-loss.js';
import { deviceTask, type Task } from './task.js';
import { keepsParameters, type TracedStep } from './traced-step.js';

/**
 * The baseline: logits-only distillation (Hinton et al., arXiv 1503.02531), T² KL(softmax(z_t/T) ‖ softmax(z_s/T))
 * over the same drawings and texts as the method sees, without prompts and without any other loss.
 */
export async function logitsKdTask(
  student: Params,
  config: ClipConfig,
  teacher: Params,
  batches: Batches,
  recipe: DistillRecipe,
  options: CompileOptions = {},
): Promise<Task & { dispose(): Promise<void> }> {
  const { batch, accumulate } = recipe;
  const tower = { recompute: recipe.recompute, ranks: ranksFor('student', config, options) };
  const p = paramInputs(student, 'student/', tower.ranks);
  const feed = (name: string, dtype: 'float32' | 'int32' = 'float32') =>
    t.input(name, batches.feeds[name]!.shape, dtype);
  const image = visionTower(p, config, fitPixels(feed('pixels'), config.vision_config.image_size), tower);
  const ids = fullTexts(feed('ids', 'int32'), config);
  const text = textTower(p, config, ids, feed('ends', 'int32'), tower);
  const loss = responseLoss(
    clipLogits(image.embed, text.embed, p.logit_scale!),
    clipLogits(feed('target/image'), feed('target/text'), t.constant(teacher.logit_scale!)),
    [],
    { temperature: recipe.kd.temperature, lambda: 0, bothWays: recipe.kd.both_ways },
  );
  const lossScale = lossScaleFor(options.precision);
  const names = Object.keys(student);
  const wrt = names.map((name) => p[name]!);
  const parts = Object.fromEntries(scaledGradients(loss, wrt, lossScale).map((g, i) => [`student/${names[i]}`, g]));
  const params = paramFeeds(student, 'student/');
  const needed = new Set(Object.keys(t.inputsOf(loss)));
  if (keepsParameters(options)) {
    const traced: TracedStep = {
      losses: { total: loss, response: loss },
      gradients: parts,
      accumulate,
      parameters: Object.fromEntries(names.map((name) => [`student/${name}`, p[name]!])),
      frozen: {},
      feeds: async (n) => ({ ...batches.fill(n, needed), ...lossScale?.feeds }),
      bounds: { 'student/logit_scale': largestLogitScale },
      options,
    };
    return deviceTask({ params, lossScale, imagesPerStep: batch * accumulate }, traced);
  }
  const outputs: Record<string, t.Tensor> = { total: loss };
  for (const [name, g] of Object.entries(parts)) outputs[`grad|${name}`] = g;
  const program = await compile({ outputs, shards: taskShards }, options);

  const means = new OutputMeans(accumulate);
  return {
    params,
    lossScale,
    imagesPerStep: batch * accumulate,
    async step(step) {
      const { total, ...result } = await means.of((i) =>
        program.run({ ...params, ...lossScale?.feeds, ...batches.fill(step * accumulate + i, needed) }),
      );
      const gradients: Gradients = {};
      for (const [name, { data }] of Object.entries(result))
        gradients[name.slice('grad|'.length)] = data as Float32Array;
      const value = total!.data[0]!;
      return { losses: { total: value, response: value }, gradients };
    },
    constrain: () => boundLogitScale(student),
    dispose: () => program.dispose(),
  };
}
