import { attentionLoss } from '../../../distill/index.js';
import { EpochOrder } from '../../../loader/index.js';
import {
  binaryKlDivergence,
  type Params,
  paramFeeds,
  paramInputs,
  prefixed,
  sigmoidCrossEntropy,
} from '../../../nn/index.js';
import type { HostTensor } from '../../../tensor/index.js';
import * as t from '../../../tensor/index.js';
import type { Task } from '../../../train/index.js';
import type { VqaFeatures } from '../features.js';
import { vqaHead } from '../head/head.js';
import type { VqaHead } from '../head/vqa-head.js';
import type { Sample } from '../vocabulary.js';
import type { TeacherAnswers } from './teacher-answers.js';
import type { VqaRecipe } from './vqa-recipe.js';

/**
 * Trains a head on a frozen model's features:
 *
 *     loss = a BCE(z, y) + l T² KL(σ(z_t / T) ‖ σ(z / T)) + m MSE(maps_t, maps)
 *
 * y are soft targets, the accuracy that each answer would have; z_t and maps_t those of the same head on the teacher, where one
 * is given. Maps are where question tokens look, averaged over heads, padding left out.
 */
export function vqaTask(
  { config, params, directions, bias }: VqaHead,
  features: VqaFeatures,
  samples: readonly Sample[],
  teacher: TeacherAnswers | undefined,
  recipe: Pick<VqaRecipe, 'batch' | 'seed' | 'losses'>,
): Task {
  const { batch, losses: weights } = recipe;
  const room = features.room(batch);
  const count = directions.shape[0]!;
  const targets = { shape: [batch, count], data: new Float32Array(batch * count) };
  const learned = paramInputs(params, 'head/');
  const inputs = {
    patches: t.input('patches', room.patches!.shape),
    words: t.input('words', room.words!.shape),
    mask: t.input('mask', room.mask!.shape),
    answers: t.input('answers', directions.shape),
    bias: t.input('answers.bias', bias.shape),
  };
  const head = vqaHead(learned, config, inputs);
  const wanted = t.input('targets', targets.shape);
  const losses: Record<string, t.Tensor> = { answers: sigmoidCrossEntropy(head.logits, wanted) };
  const taught = teacher?.room(batch);
  if (taught) {
    losses.logits = binaryKlDivergence(
      head.logits,
      t.input('teacher/logits', taught['teacher/logits']!.shape),
      weights.temperature,
    );
    const [, length] = room.mask!.shape as [number, number];
    const shown = t.reshape(inputs.mask, [batch, length, 1]);
    const pairs = Object.entries(taught)
      .filter(([name]) => name.startsWith('teacher/attention.'))
      .map(([name, { shape }], l, all) => {
        // The last layers belong together where the heads have not as many.
        const own = t.mul(head.attention[head.attention.length - all.length + l]!, shown); // [B, L, P]
        const compared = shape[1] === length ? own : t.div(t.sum(own, [1], true), t.sum(shown, [1], true));
        return { student: compared, teacher: t.input(name, shape) };
      });
    losses.attention = attentionLoss(pairs);
  }
  const total = Object.entries(losses)
    .map(([name, loss]) => t.mul(loss, weights[name as 'answers' | 'logits' | 'attention']))
    .reduce((a, b) => t.add(a, b));
  const order = new EpochOrder(samples.length, recipe.seed);
  const trained: Params = { ...paramFeeds(params, 'head/'), 'answers.bias': bias };
  const feeds: Record<string, HostTensor> = { ...room, ...taught, targets };
  return {
    params: trained,
    parameters: { ...prefixed(learned, 'head/'), 'answers.bias': inputs.bias },
    losses: { total, ...losses },
    groups: [{ name: 'total', loss: total }],
    frozen: { answers: directions },
    async feeds(n) {
      const rows = Array.from({ length: batch }, (_, i) => order.at(n * batch + i).example);
      features.feeds(
        rows.map((row) => samples[row]!.question),
        room,
      );
      targets.data.fill(0);
      for (const [i, row] of rows.entries()) {
        const sample = samples[row]!;
        for (const [k, column] of sample.columns.entries()) targets.data[i * count + column] = sample.targets[k]!;
      }
      teacher?.fill(rows, taught!);
      return feeds;
    },
    imagesPerBatch: batch,
  };
}
