import { embedTexts } from '../../../evaluate/index.js';
import type { Model } from '../../../model/index.js';
import type { HostTensor } from '../../../tensor/index.js';
import type { FindingSet } from '../labels/finding-set.js';

/** Texts that affirm a finding and that deny it, as CheXzero asks for them (Tiu et al. 2022), in a few wordings. */
const affirming = ['{}', 'there is {}', '{} is present'];
const denying = ['no {}', 'there is no {}', 'no evidence of {}'];

/**
 * Text features of each finding's positive and negative prompts: the mean of a few wordings, at unit length.
 *
 * @returns [2F, E]: the findings' positive ones, then their negative ones
 * @throws UserError for a model that reads no texts
 */
export async function pairFeatures(
  model: Model,
  { findings }: FindingSet,
  threads?: number,
): Promise<HostTensor<Float32Array>> {
  const wordings = [affirming, denying].flatMap((templates) =>
    findings.map(({ prompt }) => templates.map((template) => template.replace('{}', prompt))),
  );
  const { data, width } = await embedTexts(model, wordings.flat(), { threads });
  const made = new Float32Array(wordings.length * width);
  for (const row of wordings.keys()) {
    const mean = made.subarray(row * width, (row + 1) * width);
    const each = affirming.length;
    for (let i = 0; i < each * width; i++) mean[i % width]! += data[row * each * width + i]!;
    const norm = Math.hypot(...mean) || 1;
    for (let i = 0; i < width; i++) mean[i]! /= norm;
  }
  return { shape: [wordings.length, width], data: made };
}
