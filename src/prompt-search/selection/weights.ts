import { type Ensemble, ensembleCosines, type Labelled, mixtureOf, qualityOf, uniform } from './scores.js';

/**
 * Weights of an ensemble's members that make the labels likely: exponentiated gradient ascent of the mean
 * log-likelihood over the simplex, from equal weights (Kivinen and Warmuth 1997). A step that does not help is halved.
 *
 * @returns the ensemble with weights that add up to 1, never less likely than equal ones
 */
export function fitWeights(task: Labelled, members: readonly number[], steps = 50): Ensemble {
  const likelihood = (ensemble: Ensemble) =>
    qualityOf(ensembleCosines(task.scores, ensemble), task.labels, task.scores.classes, task.scale).logLikelihood;
  let best = uniform(members);
  let reached = likelihood(best);
  let rate = 4;
  for (let step = 0; step < steps && rate > 1e-3; step++) {
    const slope = likelihoodGradient(task, best);
    const steepest = Math.max(...slope.map(Math.abs)) || 1;
    const raised = best.weights.map((weight, i) => weight * Math.exp((rate * slope[i]!) / steepest));
    const total = raised.reduce((a, b) => a + b, 0);
    const next = { members, weights: raised.map((weight) => weight / total) };
    const value = likelihood(next);
    if (value > reached) [best, reached] = [next, value];
    else rate /= 2;
  }
  return best;
}

/**
 * The mean log-likelihood's gradient in the weights, up to a constant along the simplex. With a = Σ w cos, G a class's
 * overlaps and r² = wᵀ G w: ∂(a / r)/∂w_t = cos_t / r − a (G w)_t / r³.
 */
export function likelihoodGradient({ scores, labels, scale }: Labelled, ensemble: Ensemble): number[] {
  const { members, weights } = ensemble;
  const { classes, cosines, overlaps } = scores;
  const { sum, squared } = mixtureOf(scores, ensemble);
  const length = squared.map((square) => Math.sqrt(Math.max(square, 1e-12)));
  // (G w)_t of each class.
  const leaning = members.map((t) =>
    Float64Array.from(overlaps, (overlap) =>
      members.reduce((total, s, i) => total + weights[i]! * overlap[t * cosines.length + s]!, 0),
    ),
  );
  const gradient = members.map(() => 0);
  const p = new Float64Array(classes);
  for (const [n, label] of labels.entries()) {
    const from = n * classes;
    let highest = -Infinity;
    for (let c = 0; c < classes; c++) {
      p[c] = (scale * sum[from + c]!) / length[c]!;
      highest = Math.max(highest, p[c]!);
    }
    let total = 0;
    for (let c = 0; c < classes; c++) {
      p[c] = Math.exp(p[c]! - highest);
      total += p[c]!;
    }
    for (let c = 0; c < classes; c++) {
      const error = (scale * ((c === label ? 1 : 0) - p[c]! / total)) / labels.length;
      const r = length[c]!;
      for (const [i, t] of members.entries()) {
        gradient[i]! += error * (cosines[t]![from + c]! / r - (sum[from + c]! * leaning[i]![c]!) / r ** 3);
      }
    }
  }
  return gradient;
}
