import { gatherHostRows, Random } from '../../math/index.js';
import type { TowerModel } from '../../model/index.js';
import { type Params, paramFeeds, paramInputs, prefixed } from '../../nn/index.js';
import type { HostTensor, Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import type { Task } from '../../train/index.js';
import type { DefectsRecipe } from './defects-recipe.js';
import type { View } from './detector.js';
import { adapted, layerProbability } from './graph/detector-graph.js';
import { promptedStates } from './learned-prompts.js';
import type { TunedImages } from './tuned-images.js';

/** Keeps logarithms finite. */
const tiny = 1e-6;

/**
 * Learns object-agnostic prompts for a frozen model from patches of any products (AnomalyCLIP, Zhou et al., ICLR 2024):
 *
 *     from masks      loss = a focal(s, y) + b dice(s, y)
 *     from a teacher  loss = c KL(q ‖ s)
 *
 * s is how damaged a patch looks (`patchProbability`, the mean over layers), y the share of it that is defective, q what the
 * teacher says of it. focal = −mean(y (1 − s)² log s + (1 − y) s² log(1 − s)) (Lin et al. 2017),
 * dice = 1 − mean over images of (2 Σ s y + 1) / (Σ s + Σ y + 1) (Milletari et al. 2016).
 */
export function tunedTask(
  model: TowerModel,
  learned: Params,
  images: TunedImages,
  view: View,
  from: 'masks' | 'teacher',
  { tuning, seed }: Pick<DefectsRecipe, 'tuning' | 'seed'>,
): Task {
  const batch = Math.min(tuning.batch, images.count);
  const { patches } = images;
  const p = paramInputs(model.params, 'model/');
  const own = paramInputs(learned, 'learned/');
  const texts = promptedStates(model, p, own);
  const tree = prefixed(own, 'defects.');
  const inputs = images.layers.map(({ width }, i) => t.input(`tokens.${i}`, [batch, patches, width]));
  const joint = inputs.map((x, i) => (tuning.adapters ? adapted(tree, view.layers[i]!, x) : x));
  const found = layerProbability(joint, texts); // [B, patches]
  const truth = t.input('truth', [batch, patches]);
  const losses = lossesOf(found, truth, from, tuning.weights);
  const fed: Record<string, HostTensor<Float32Array>> = {
    truth: { shape: [batch, patches], data: new Float32Array(batch * patches) },
  };
  for (const [i, { width }] of images.layers.entries()) {
    fed[`tokens.${i}`] = { shape: [batch, patches, width], data: new Float32Array(batch * patches * width) };
  }
  return {
    params: paramFeeds(learned, 'learned/'),
    parameters: prefixed(own, 'learned/'),
    losses,
    groups: [{ name: 'total', loss: losses.total }],
    frozen: paramFeeds(model.params, 'model/'),
    async feeds(n) {
      const random = new Random(seed, 'defects batch', n);
      const rows = Array.from({ length: batch }, () => random.int(images.count));
      for (const [i, { width, data }] of images.layers.entries()) {
        gatherHostRows(data, patches * width, rows, fed[`tokens.${i}`]!.data);
      }
      gatherHostRows(images.targets, patches, rows, fed.truth!.data);
      return fed;
    },
    imagesPerBatch: batch,
  };
}

function lossesOf(
  found: Tensor,
  truth: Tensor,
  from: 'masks' | 'teacher',
  weights: DefectsRecipe['tuning']['weights'],
): Record<'total', Tensor> & Record<string, Tensor> {
  const [yes, no] = [t.log(t.add(found, tiny)), t.log(t.sub(1 + tiny, found))];
  const not = t.sub(1, truth);
  if (from === 'teacher') {
    const cross = t.neg(t.mean(t.add(t.mul(truth, yes), t.mul(not, no))));
    const entropy = t.neg(
      t.mean(t.add(t.mul(truth, t.log(t.add(truth, tiny))), t.mul(not, t.log(t.sub(1 + tiny, truth))))),
    );
    const distil = t.sub(cross, entropy);
    return { total: t.mul(distil, weights.distil), distil };
  }
  const focal = t.neg(
    t.mean(t.add(t.mul(t.mul(truth, t.square(t.sub(1, found))), yes), t.mul(t.mul(not, t.square(found)), no))),
  );
  const both = t.sum(t.mul(found, truth), [1]); // [B]
  const overlap = t.div(t.add(t.mul(both, 2), 1), t.add(t.add(t.sum(found, [1]), t.sum(truth, [1])), 1));
  const dice = t.sub(1, t.mean(overlap));
  return { total: t.add(t.mul(focal, weights.focal), t.mul(dice, weights.dice)), focal, dice };
}
