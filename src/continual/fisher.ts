import { UserError } from '../errors.js';
import { median, Random } from '../math/index.js';
import type { Params, TensorTree } from '../nn/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import { grad, type HostTensor, input, inputsOf, logSoftmax, mul, neg, sum, type Tensor } from '../tensor/index.js';

/**
 * Whose label a sample's gradient is of (van de Ven, arXiv 2502.11756): `exact`: every class, weighted by the student's own
 * probability; `sample`: one class drawn by it; `empirical`: the true class; `iewc`: the true class, each sample relative to
 * the gradient at its logits (arXiv 2611.16039). The first two are the true Fisher information and read no labels.
 */
export const fisherKinds = ['exact', 'sample', 'empirical', 'iewc'] as const;
/** How the Fisher information is estimated. */
export type FisherKind = (typeof fisherKinds)[number];

/** A classifier in a graph for one image at a time, whose parameters' importance is asked for. */
export interface FisherGraph {
  readonly params: Params;
  /** Their graph inputs. */
  readonly parameters: TensorTree;
  /** Inputs that never change. */
  readonly frozen: Params;
  /** [1, N]: of the N classes that are fed. */
  readonly logits: Tensor;
}

/** The images that it is the mean over. */
export interface FisherSamples {
  readonly count: number;
  /** The student's probabilities of all classes for a sample [C], C ≥ N. */
  probabilities(sample: number): Float64Array;
  /** Its true class; undefined where it is not known. */
  label(sample: number): number | undefined;
  /** What the graph is fed for a sample and N classes. */
  feeds(sample: number, classes: readonly number[]): Record<string, HostTensor>;
}

/** Options of {@link fisherInformation}. */
export interface FisherOptions {
  readonly kind: FisherKind;
  readonly mass?: number;
  readonly seed: number;
  readonly engine?: CompileOptions;
  readonly signal?: AbortSignal;
  readonly onSample?: (done: number) => void | Promise<void>;
}

const GRADIENT = 'gradient|';
/** κ of iewc: how far samples that are fitted well count as much as others. */
const kappa = 0.01;

/**
 * The diagonal of the Fisher information, a value a parameter: the mean over samples of the squared gradient of a single
 * sample's log-probability,
 *
 *     F = 1/n Σ_n E_y (∂ log p(y | x_n) / ∂θ)²
 *
 * never the square of a batch's mean gradient, in which samples cancel. Of iewc Σ_n g_n² / (s_n + τ) / n with s_n the squared
 * norm of the gradient at the logits and τ = 0.01 · median of the s_n above 0.
 *
 * @throws UserError where there are no samples, or a label is wanted that is not known
 */
export async function fisherInformation(
  graph: FisherGraph,
  samples: FisherSamples,
  { kind, mass = 1, seed, engine, signal, onSample }: FisherOptions,
): Promise<Params> {
  if (samples.count === 0) {
    throw new UserError(
      'ewc: expected at least one image for the Fisher information, got none: none of the task can be read',
    );
  }
  const classes = graph.logits.shape[1] as number;
  const chosen = Array.from({ length: samples.count }, (_, n) => choose(samples, n, classes, kind, mass, seed));
  const sizes = chosen.map(({ size }) => size);
  const tau = kind === 'iewc' ? kappa * median(sizes.filter((size) => size > 0)) : 0;
  const weights = input('weights', [1, classes]);
  const loss = neg(sum(mul(weights, logSoftmax(graph.logits))));
  const reached = Object.keys(graph.parameters).filter((name) => name in inputsOf(loss));
  const gradients = grad(
    loss,
    reached.map((name) => graph.parameters[name]!),
  );
  const outputs = Object.fromEntries(reached.map((name, i) => [GRADIENT + name, gradients[i]!]));
  const fixed = Object.fromEntries(Object.entries(graph.frozen).filter(([name]) => !(name in graph.params)));
  const program = await compile({ outputs }, { ...engine, fixed });
  const totals = Object.fromEntries(reached.map((name) => [name, new Float64Array(graph.params[name]!.data.length)]));
  try {
    for (const [n, { columns, targets, size }] of chosen.entries()) {
      signal?.throwIfAborted();
      for (const { place, weight } of targets) {
        const one = new Float32Array(classes);
        one[place] = 1;
        const made = await program.run({
          ...graph.params,
          ...samples.feeds(n, columns),
          weights: { shape: [1, classes], data: one },
        });
        const factor = weight / samples.count / (kind === 'iewc' ? size + tau : 1);
        for (const name of reached) addSquares(totals[name]!, made[GRADIENT + name]!.data, factor);
      }
      await onSample?.(n + 1);
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await program.dispose();
  }
  return Object.fromEntries(
    Object.entries(graph.params).map(([name, { shape, data }]) => [
      name,
      { shape, data: totals[name] ? Float32Array.from(totals[name]) : new Float32Array(data.length) },
    ]),
  );
}

function addSquares(total: Float64Array, gradient: ArrayLike<number>, factor: number): void {
  for (let i = 0; i < total.length; i++) total[i]! += factor * gradient[i]! * gradient[i]!;
}

interface Chosen {
  /** The N classes that the sample's softmax is over. */
  readonly columns: readonly number[];
  /** Of them, whose log-probabilities are differentiated, and how much each counts. */
  readonly targets: readonly { readonly place: number; readonly weight: number }[];
  /** Squared norm of the loss's gradient at the logits. */
  readonly size: number;
}

/** The likeliest classes of a sample, the true one among them, and the labels that its gradient is of. */
function choose(
  samples: FisherSamples,
  n: number,
  count: number,
  kind: FisherKind,
  mass: number,
  seed: number,
): Chosen {
  const all = samples.probabilities(n);
  const ranked = [...all.keys()].sort((a, b) => all[b]! - all[a]! || a - b);
  const truth = samples.label(n);
  const labelled = kind === 'empirical' || kind === 'iewc';
  if (labelled && truth === undefined) {
    throw new UserError(
      `ewc.fisher: ${kind} reads labels, and an image has none: take exact or sample, which need none`,
    );
  }
  const columns = ranked.slice(0, count);
  if (labelled && !columns.includes(truth!)) columns[count - 1] = truth!;
  const total = columns.reduce((sum, c) => sum + all[c]!, 0);
  const p = columns.map((c) => all[c]! / total);
  if (labelled) {
    const place = columns.indexOf(truth!);
    const size = p.reduce((sum, value, i) => sum + (value - (i === place ? 1 : 0)) ** 2, 0);
    return { columns, targets: [{ place, weight: 1 }], size };
  }
  const places = [...columns.keys()];
  if (kind === 'sample') {
    const place = new Random(seed, 'fisher', n).weighted(places, p);
    return { columns, targets: [{ place, weight: 1 }], size: 0 };
  }
  const held: number[] = [];
  let sofar = 0;
  for (const place of places) {
    if (sofar >= mass) break;
    held.push(place);
    sofar += p[place]!;
  }
  return { columns, targets: held.map((place) => ({ place, weight: p[place]! / sofar })), size: 0 };
}
