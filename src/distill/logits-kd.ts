import { type ClipConfig, clipLogits, fitPixels, fullTexts, textTower, visionTower } from '../clip/index.js';
import { largestLogitScale, ranksFor, taskShards } from '../model/index.js';
import { type Params, paramFeeds, paramInputs } from '../nn/index.js';
import type { CompileOptions } from '../runtime/index.js';
import * as t from '../tensor/index.js';
import type { Task } from '../train/index.js';
import { lossScaleFor, scaledGradients, tracedTask } from '../train/index.js';
import type { Batches } from './batches/batches.js';
import { responseLoss } from './losses/response-loss.js';
import type { DistillRecipe } from './recipe.js';

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
  const gradients = Object.fromEntries(scaledGradients(loss, wrt, lossScale).map((g, i) => [`student/${names[i]}`, g]));
  const needed = new Set(Object.keys(t.inputsOf(loss)));
  return tracedTask(
    { params: paramFeeds(student, 'student/'), lossScale, imagesPerStep: batch * accumulate },
    {
      losses: { total: loss, response: loss },
      gradients,
      accumulate,
      parameters: Object.fromEntries(names.map((name) => [`student/${name}`, p[name]!])),
      frozen: {},
      feeds: async (n) => batches.fill(n, needed),
      bounds: { 'student/logit_scale': largestLogitScale },
      options,
    },
    taskShards,
  );
}
