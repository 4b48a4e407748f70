import { type ClipConfig, clipLogits, fullTexts, textTower, visionTower } from '../clip/index.js';
import { type Params, paramFeeds, paramInputs } from '../nn/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import * as t from '../tensor/index.js';
import type { Batches } from './batches.js';
import type { Gradients } from './coordinate.js';
import { fitPixels } from './dual-stream.js';
import { boundLogitScale } from './dual-stream-task.js';
import { lossScaleFor, scaledGradients } from './loss-scale.js';
import { ranksFor, studentShards } from './ranks.js';
import type { DistillRecipe } from './recipe.js';
import { responseLoss } from './response-loss.js';
import type { Task } from './task.js';

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
  const tower = { recompute: recipe.recompute, ranks: ranksFor(config, options) };
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
  const outputs: Record<string, t.Tensor> = { total: loss };
  const wrt = names.map((name) => p[name]!);
  for (const [i, g] of scaledGradients(loss, wrt, lossScale).entries()) outputs[`grad|student/${names[i]}`] = g;
  const program = await compile({ outputs, shards: studentShards }, options);

  const params = paramFeeds(student, 'student/');
  const wanted = new Set(program.inputs.map((i) => i.name));
  return {
    params,
    lossScale,
    imagesPerStep: recipe.batch,
    async step(step) {
      const { total, ...result } = await program.run({ ...params, ...lossScale?.feeds, ...batches.fill(step, wanted) });
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
