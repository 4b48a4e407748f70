import { type ClipConfig, clipLogits, fitPixels, fullTexts, textTower, visionTower } from '../clip/index.js';
import { logitBounds, ranksFor, taskShards } from '../model/index.js';
import { type Params, paramFeeds, paramInputs, prefixed } from '../nn/index.js';
import type { CompileOptions } from '../runtime/index.js';
import * as t from '../tensor/index.js';
import type { Task } from '../train/index.js';
import type { Batches } from './batches/batches.js';
import { comparedLogits, fixedScale } from './losses/compared-logits.js';
import { fusedDivergence } from './losses/fused-answers.js';
import { responseLoss } from './losses/response-loss.js';
import type { DistillRecipe } from './recipe.js';
import { fusedAnswers, type SeveralStream } from './teachers/several-stream.js';

/**
 * The baseline: logits-only distillation (Hinton et al., arXiv 1503.02531), T² KL(softmax(z_t/T) ‖ softmax(z_s/T))
 * over the same images and texts as the method sees, without prompts and without any other loss. Between two SigLIPs it is
 * the KL of the decisions for each pair: see `comparedLogits`.
 *
 * @param several where there are several teachers: the target is their answers as one
 * @throws UserError where the ranks do not divide the student's heads and hidden units
 */
export function logitsKdTask(
  student: Params,
  config: ClipConfig,
  teacher: Params,
  batches: Batches,
  recipe: DistillRecipe,
  options: CompileOptions = {},
  several?: SeveralStream,
): Task {
  const tower = { recompute: recipe.recompute, ranks: ranksFor('student', config, options) };
  const p = paramInputs(student, 'student/', tower.ranks);
  const { share, textBlocks } = batches;
  const feed = (name: string, dtype: 'float32' | 'int32' = 'float32') =>
    t.input(name, batches.feeds[name]!.shape, dtype);
  const image = visionTower(p, config, fitPixels(feed('pixels'), config.vision_config.image_size), tower);
  const ids = fullTexts(feed('ids', 'int32'), config);
  const text = textTower(p, config, ids, feed('ends', 'int32'), tower);
  const { temperature, both_ways: bothWays } = recipe.kd;
  const embeds = { image: share.gather(image.embed), text: share.gather(text.embed, textBlocks) };
  const whole = several
    ? fusedDivergence(
        clipLogits(embeds.image, embeds.text, p.logit_scale!),
        fusedAnswers(several, (name) => feed(name))(temperature, bothWays),
        temperature,
      )
    : responseLoss(
        comparedLogits(
          { ...embeds, scale: p.logit_scale!, bias: p.logit_bias },
          { image: feed('target/image'), text: feed('target/text'), ...fixedScale(teacher) },
        ),
        [],
        { temperature, lambda: 0, bothWays },
      );
  const loss = share.whole(whole);
  const needed = new Set(Object.keys(t.inputsOf(loss)));
  return {
    params: paramFeeds(student, 'student/'),
    parameters: prefixed(p, 'student/'),
    losses: { total: loss, response: loss },
    groups: [{ name: 'total', loss }],
    frozen: {},
    feeds: async (n) => batches.fill(n, needed),
    imagesPerBatch: share.images.count,
    bounds: logitBounds(config, 'student/'),
    split: { ranks: tower.ranks, axis: taskShards },
  };
}
