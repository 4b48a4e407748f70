import { FusedLoop } from '../runtime/index.js';
import { add, div, input, maximum, mul, sqrt, square, sum, type Tensor } from '../tensor/index.js';

/** Gradients by parameter name. */
export type Gradients = Record<string, Float32Array>;

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
const scaledAndAdded = new FusedLoop(() => ({ out: add(mul(g, factor), input('more', ['n'])) }));

/**
 * The coordinated gradient: g = clip(g_feature, c) + g_rest, with g_rest = g_response + γ·g_attention.
 *
 * clip(g, c) = g · min(1, c / ‖g‖), the norm over all parameters together; c = Infinity leaves it alone.
 * Gradients are linear, so the program hands over g_rest already added: two backward passes serve three losses.
 *
 * @param feature gradient of the feature loss; a parameter it does not reach may be missing
 * @param rest gradient of response + γ·attention; likewise
 * @param out where the sum goes (arrays are overwritten; every parameter of either must be there)
 * @returns the norm of the feature gradient before clipping
 */
export function coordinate(feature: Gradients, rest: Gradients, clip: number, out: Gradients): number {
  const norm = gradientNorm(feature);
  const scale = norm > clip ? clip / norm : 1;
  for (const [name, target] of Object.entries(out)) {
    const f = feature[name];
    const r = rest[name];
    if (f && r) scaledAndAdded.run({ g: f, more: r }, { factor: scale }, { out: target });
    else if (f) scaleInto(target, scale, f);
    else if (r) target.set(r);
    else target.fill(0);
  }
  return norm;
}

/** {@link gradientNorm} as a graph. */
export function tracedNorm(gradients: Readonly<Record<string, Tensor>>): Tensor {
  // First along the last axis, so that a GPU has as many sums as rows to work on side by side.
  const squares = Object.values(gradients).map((g) => {
    const s = square(g);
    return s.rank < 2 ? sum(s) : sum(sum(s, [s.rank - 1]));
  });
  return sqrt(squares.reduce((a, b) => add(a, b)));
}

/** Gradients scaled down to a norm of `clip` together, as a graph; without one, as they are. */
export function tracedClip(
  gradients: Readonly<Record<string, Tensor>>,
  clip: number | undefined,
  norm: Tensor | undefined = undefined,
): Readonly<Record<string, Tensor>> {
  if (clip === undefined || Object.keys(gradients).length === 0) return gradients;
  const factor = div(clip, maximum(norm ?? tracedNorm(gradients), clip));
  return Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, mul(g, factor)]));
}

/** {@link coordinate} as a graph. */
export function coordinated(
  feature: Readonly<Record<string, Tensor>>,
  rest: Readonly<Record<string, Tensor>>,
  clip: number | undefined,
): Record<string, Tensor> {
  const sum = { ...rest };
  for (const [name, f] of Object.entries(tracedClip(feature, clip))) sum[name] = sum[name] ? add(f, sum[name]) : f;
  return sum;
}
