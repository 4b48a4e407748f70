import { softmax } from '../../math/index.js';
import * as t from '../../tensor/index.js';
import { bestOf, divergence, surenessOf } from './answers.js';
import { fitScorer, type Scorer } from './scorer.js';
import type { HeldOutAnswers } from './validated.js';

/** Bounds of the adaptive target. */
export interface AdaptiveBounds {
  /** b: teacher, prior and label before anything is known. */
  readonly base: readonly [number, number, number];
  /** Most of the prior, of the label, and of both together. */
  readonly most: { readonly prior: number; readonly label: number; readonly both: number };
  /** β_P and β_H: how much need counts at the end of training. */
  readonly growth: { readonly prior: number; readonly label: number };
}

/** λ of one image: the weights of teacher, prior and label at a point of training, from 0 to 1. */
export type Lambda = (progress: number, isLabelled: boolean) => Float64Array;

const clip = (x: number) => Math.min(1, Math.max(0, x));

/** What is known of an image without its class. */
function stateOf([teacher, prior]: readonly Float64Array[]): { signals: number[]; need: readonly [number, number] } {
  const [T, P] = [surenessOf(teacher!), surenessOf(prior!)];
  const parted = bestOf(teacher!) === bestOf(prior!) ? 0 : 1;
  const apart = Math.min(5, divergence(teacher!, prior!)) / 5;
  return {
    signals: [T.confidence, T.margin, T.entropy, P.confidence, P.margin, P.entropy, apart, parted],
    // η_P and η_H: clipped means of what speaks against the teacher.
    need: [clip((T.entropy + parted + apart) / 3), clip((T.entropy + parted) / 2)],
  };
}

/**
 * λ* of a held-out image: the prior where it is right and the teacher wrong, the label where both are wrong, the teacher
 * otherwise; each to its bound, by how sure the right one is.
 */
export function wantedLambda({ answers: [T, P], label }: HeldOutAnswers, { base, most }: AdaptiveBounds): Float64Array {
  const [teacherRight, priorRight] = [bestOf(T!) === label, bestOf(P!) === label];
  if (teacherRight) return Float64Array.from([1 - base[1] / 2 - base[2] / 2, base[1] / 2, base[2] / 2]);
  const prior = priorRight ? most.prior * (0.5 + surenessOf(P!).confidence / 2) : base[1];
  const own = priorRight ? base[2] : most.label;
  return bounded([1 - prior - own, prior, own], most);
}

/** Π_C: prior and label cut to their bounds, then together to theirs; the teacher has the rest. */
export function bounded(lambda: ArrayLike<number>, most: AdaptiveBounds['most']): Float64Array {
  let [prior, label] = [Math.min(lambda[1]!, most.prior), Math.min(lambda[2]!, most.label)];
  const both = prior + label;
  if (both > most.both) [prior, label] = [(prior * most.both) / both, (label * most.both) / both];
  return Float64Array.from([1 - prior - label, prior, label]);
}

/**
 * The adaptive target's weights (OnPoKD, arXiv 2609.10321, eq. 8 and 9):
 *
 *     λ = Π_C softmax(ln b + r(s) + [0, β_P p η_P, β_H p η_H])
 *
 * p is the share of training that is done, η how much an image needs the prior or its label, r a network that is fitted on
 * held-out images by ‖λ − λ*‖² at p = 1/2. The paper's state also has the student's answers and is fitted again as it learns;
 * here targets are fused from what is stored, so that the state has teacher and prior alone and r is fitted once. The maps η
 * and λ* are ours: the paper's constants are not in it.
 */
export async function adaptiveLambda(
  heldOut: readonly HeldOutAnswers[],
  bounds: AdaptiveBounds,
  seed: number,
): Promise<(answers: readonly Float64Array[]) => Lambda> {
  const { base, most, growth } = bounds;
  const logBase = base.map((b) => Math.log(Math.max(b, 1e-6)));
  const pushed = ([prior, label]: readonly [number, number], progress: number) => [
    logBase[0]!,
    logBase[1]! + growth.prior * progress * prior,
    logBase[2]! + growth.label * progress * label,
  ];
  const states = heldOut.map(({ answers }) => stateOf(answers));
  const inputs = states[0]?.signals.length ?? 0;
  let scorer: Scorer | undefined;
  if (heldOut.length > 0) {
    const n = heldOut.length;
    const constant = (rows: readonly (readonly number[])[]) =>
      t.constant({ shape: [n, 3], data: Float32Array.from(rows.flat()) });
    const before = constant(states.map(({ need }) => pushed(need, 0.5)));
    const wanted = constant(heldOut.map((image) => [...wantedLambda(image, bounds)]));
    const signals = Float32Array.from(states.flatMap((state) => state.signals));
    scorer = await fitScorer(
      { shape: [n, inputs], data: signals },
      (scores) => t.mean(t.square(t.sub(t.softmax(t.add(scores, before)), wanted))),
      { inputs, outputs: 3, seed },
    );
  }
  return (answers) => {
    const { signals, need } = stateOf(answers);
    const raw = scorer?.score(signals) ?? [0, 0, 0];
    return (progress, isLabelled) => {
      const lambda = bounded(softmax(pushed(need, progress).map((x, i) => x + raw[i]!)), most);
      if (isLabelled) return lambda;
      const rest = lambda[0]! + lambda[1]!;
      return Float64Array.from([lambda[0]! / rest, lambda[1]! / rest, 0]);
    };
  };
}
