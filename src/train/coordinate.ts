import { FusedLoop } from '../runtime/index.js';
import { add, div, input, maximum, mul, sqrt, square, sum, type Tensor } from '../tensor/index.js';
import type { Gradients } from './flat-gradients.js';
import type { TracedGradients } from './group-gradients.js';

/** Euclidean norm over all gradients together. */
export function gradientNorm(gradients: Gradients): number {
  let total = 0;
  for (const g of Object.values(gradients)) total += squares.run({ g }).total!;
  return Math.sqrt(total);
}

/** target = factor · source; both may be one array. */
export function scaleInto(target: Float32Array, factor: number, source: Float32Array): void {
  scaled.run({ g: source }, { factor }, { out: target });
}

const g = input('g', ['n']);
const factor = input('factor', []);
const squares = new FusedLoop(() => ({ total: sum(square(g)) }));
const scaled = new FusedLoop(() => ({ out: mul(g, factor) }));

/** The gradients of one group; a parameter that it does not reach may be missing. */
export interface GroupGradients<T> {
  readonly gradients: T;
  /** Their largest norm together. @defaultValue any */
  readonly clip?: number;
}

/**
 * The coordinated gradient: each group's, scaled down to its limit c where its norm over all parameters is larger, and all
 * of them added.
 *
 *     g = Σ_i clip(g_i, c_i),  clip(g, c) = g · min(1, c / ‖g‖)
 *
 * @param out where the sum goes; arrays are overwritten, of a parameter that no group reaches with zeros
 * @returns the groups' norms before clipping, 0 of a group without a limit
 */
export function coordinate(groups: readonly GroupGradients<Gradients>[], out: Gradients): number[] {
  const norms = groups.map(({ gradients, clip }) => (clip === undefined ? 0 : gradientNorm(gradients)));
  const scales = groups.map(({ clip }, i) => (clip !== undefined && norms[i]! > clip ? clip / norms[i]! : 1));
  for (const [name, target] of Object.entries(out)) {
    const own = groups.flatMap(({ gradients }, i) =>
      gradients[name] ? { g: gradients[name], scale: scales[i]! } : [],
    );
    if (own.length === 0) target.fill(0);
    else if (own.length === 1 && own[0]!.scale === 1) target.set(own[0]!.g);
    else {
      const arrays = Object.fromEntries(own.map((part, i) => [`g${i}`, part.g]));
      const factors = Object.fromEntries(own.map((part, i) => [`factor${i}`, part.scale]));
      sumLoop(own.length).run(arrays, factors, { out: target });
    }
  }
  return norms;
}

const sumLoops = new Map<number, FusedLoop>();

/** Σ factor_i · g_i over so many arrays. */
function sumLoop(count: number): FusedLoop {
  let loop = sumLoops.get(count);
  if (!loop) {
    const terms = Array.from({ length: count }, (_, i) => mul(input(`g${i}`, ['n']), input(`factor${i}`, [])));
    loop = new FusedLoop(() => ({ out: terms.reduce((a, b) => add(a, b)) }));
    sumLoops.set(count, loop);
  }
  return loop;
}

/** {@link gradientNorm} as a graph. */
export function tracedNorm(gradients: TracedGradients): Tensor {
  // First along the last axis, so that a GPU has as many sums as rows to work on side by side.
  const squares = Object.values(gradients).map((g) => {
    const s = square(g);
    return s.rank < 2 ? sum(s) : sum(sum(s, [s.rank - 1]));
  });
  return sqrt(squares.reduce((a, b) => add(a, b)));
}

/** Gradients scaled down to a norm of `clip` together, as a graph; without one, as they are. */
export function tracedClip(
  gradients: TracedGradients,
  clip: number | undefined,
  norm: Tensor | undefined = undefined,
): TracedGradients {
  if (clip === undefined || Object.keys(gradients).length === 0) return gradients;
  const factor = div(clip, maximum(norm ?? tracedNorm(gradients), clip));
  return Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, mul(g, factor)]));
}

/** {@link coordinate} as a graph. */
export function coordinated(groups: readonly GroupGradients<TracedGradients>[]): TracedGradients {
  const total: Record<string, Tensor> = {};
  for (const { gradients, clip } of groups) {
    for (const [name, g] of Object.entries(tracedClip(gradients, clip))) {
      total[name] = total[name] ? add(total[name], g) : g;
    }
  }
  return total;
}
