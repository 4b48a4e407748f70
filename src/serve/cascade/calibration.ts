import { classProbabilities, type Scored } from '../../math/index.js';
import { argMax } from './confidence.js';

/** Share of images whose true class is the likeliest. */
export function accuracyOf({ logits, labels }: Scored): number {
  return logits.filter((z, i) => argMax(z) === labels[i]).length / labels.length;
}

/**
 * Expected calibration error: Σ_b n_b/n · |accuracy_b − mean probability_b| over bins of the likeliest class's
 * probability, of equal width (Guo et al. 2017, eq. 3, 15 bins).
 */
export function calibrationError({ scoring = 'softmax', logits, labels }: Scored, temperature = 1, bins = 15): number {
  const right = new Float64Array(bins);
  const sure = new Float64Array(bins);
  for (const [i, z] of logits.entries()) {
    const p = classProbabilities(scoring, z, temperature);
    const answer = argMax(p);
    const bin = Math.min(bins - 1, Math.floor(p[answer]! * bins));
    sure[bin]! += p[answer]!;
    if (answer === labels[i]) right[bin]!++;
  }
  return sure.reduce((sum, s, b) => sum + Math.abs(right[b]! - s), 0) / logits.length;
}
