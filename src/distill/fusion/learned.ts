import { softmax } from '../../math/index.js';
import * as t from '../../tensor/index.js';
import { divergence, equalMix, surenessOf } from './answers.js';
import { fitScorer } from './scorer.js';
import type { Weigh } from './simple-rules.js';
import type { HeldOutAnswers } from './validated.js';

/** Signals of a teacher's answer: max p, margin, entropy, and KL from the equal mix (at most 5, over 5). */
const each = 4;

function signalsOf(answers: readonly Float64Array[]): number[] {
  const mix = equalMix(answers);
  return answers.flatMap((p) => {
    const { confidence, margin, entropy } = surenessOf(p);
    return [confidence, margin, entropy, Math.min(5, divergence(p, mix)) / 5];
  });
}

/**
 * A gate that is trained on held-out images: w = softmax(f(s)), s the signals of all teachers' answers, f of {@link fitScorer},
 * by the likelihood of the true class under the mixture, −ln Σ_k w_k p_k(y). It begins as the equal mix.
 */
export async function learnedWeights(heldOut: readonly HeldOutAnswers[], seed: number): Promise<Weigh> {
  const teachers = heldOut[0]!.answers.length;
  const signals = Float32Array.from(heldOut.flatMap(({ answers }) => signalsOf(answers)));
  const right = Float32Array.from(heldOut.flatMap(({ answers, label }) => answers.map((p) => p[label]!)));
  const n = heldOut.length;
  const given = t.constant({ shape: [n, teachers], data: right });
  const scorer = await fitScorer(
    { shape: [n, each * teachers], data: signals },
    (scores) => {
      const likelihood = t.sum(t.mul(t.softmax(scores), given), [-1]);
      return t.neg(t.mean(t.log(t.add(likelihood, 1e-6))));
    },
    { inputs: each * teachers, outputs: teachers, seed },
  );
  return (answers) => softmax(scorer.score(signalsOf(answers)));
}
