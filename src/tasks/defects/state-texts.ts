import { runTextBlocks, textBlockInputs, tokenizeAll } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { modelWeights, type TowerModel, textFeatures, textLimit } from '../../model/index.js';
import { paramFeeds, paramInputs } from '../../nn/index.js';
import { compile } from '../../runtime/index.js';
import type { HostTensor } from '../../tensor/index.js';
import type { InspectOptions } from './image-program.js';
import { damagedStates, ensemble, soundStates } from './prompts.js';

/**
 * What a product looks like in words, sound and damaged: the mean of a state's text features as they are, of unit length
 * then, as anomalib's WinCLIP takes it. [2, E]
 *
 * @throws UserError for a visual student, which reads no texts
 */
export async function stateTexts(
  model: TowerModel,
  product: string,
  options: InspectOptions = {},
): Promise<HostTensor<Float32Array>> {
  if (model.projector) {
    throw new UserError(
      'the model is a visual student (cvpr2024), which reads no texts: expected one with a text tower',
    );
  }
  const states = [ensemble(soundStates, product), ensemble(damagedStates, product)];
  const texts = tokenizeAll(model.tokenizer, states.flat(), textLimit(model));
  const weights = modelWeights(model);
  const { ids, ends } = textBlockInputs(texts.ends.length, texts.length);
  const features = textFeatures(paramInputs(weights), model, ids, ends);
  const width = features.shape[1] as number;
  const program = await compile({ outputs: { features } }, { ...options, fixed: paramFeeds(weights) });
  const sums = new Float32Array(2 * width);
  try {
    await runTextBlocks(program, {}, texts, ({ features: made }, from, count) => {
      for (let i = 0; i < count; i++) {
        const state = from + i < states[0]!.length ? 0 : 1;
        for (let k = 0; k < width; k++) sums[state * width + k]! += (made!.data as Float32Array)[i * width + k]!;
      }
    });
  } finally {
    await program.dispose();
  }
  return { shape: [2, width], data: unitPair(sums, width) };
}

/** Both rows at unit length, in place. */
function unitPair(data: Float32Array, width: number): Float32Array {
  for (const from of [0, width]) {
    const row = data.subarray(from, from + width);
    const length = Math.hypot(...row) || 1;
    for (let k = 0; k < width; k++) row[k]! /= length;
  }
  return data;
}
