import { UserError } from '../../errors.js';
import type { TowerModel } from '../../model/index.js';
import { type Scheme, storedBytes } from '../../weight-formats/index.js';
import { type Mixture, weightsOf } from './mixture.js';
import type { Sensitivity } from './sensitivity.js';

/** Mixtures from all float32 to all smallest, each with one weight more made smaller than in the one before. */
export interface Path {
  readonly mixtures: readonly Mixture[];
  /** Bytes of all weights and vision prompts under each. */
  readonly bytes: readonly number[];
}

/**
 * Makes the weights smaller one after the other, each time the one whose KL grows least for each byte that it saves. That
 * the KLs of weights add up is assumed.
 */
export function greedyPath(student: TowerModel, sensitivities: readonly Sensitivity[]): Path {
  const weights = weightsOf(student);
  const choices = new Map<string, Choice[]>();
  for (const [name, { shape }] of Object.entries(weights)) {
    const own = sensitivities.filter((s) => s.name === name);
    choices.set(name, frontier([{ scheme: 'fp32', bytes: storedBytes('fp32', shape), kl: 0 }, ...own]));
  }
  const steps = [...choices].flatMap(([name, list]) =>
    list.slice(1).map((to, i) => ({ name, to, saved: list[i]!.bytes - to.bytes, cost: to.kl - list[i]!.kl })),
  );
  // Along a frontier the cost of a byte only grows, so this order never takes a weight's second step before its first.
  steps.sort((a, b) => a.cost / a.saved - b.cost / b.saved);
  const prompts = Object.values(student.prompts?.vision ?? {}).reduce((sum, { data }) => sum + data.byteLength, 0);
  let bytes = prompts + [...choices.values()].reduce((sum, list) => sum + list[0]!.bytes, 0);
  const path = { mixtures: [{}] as Mixture[], bytes: [bytes] };
  for (const { name, to, saved } of steps) {
    bytes -= saved;
    path.mixtures.push({ ...path.mixtures.at(-1), [name]: to.scheme });
    path.bytes.push(bytes);
  }
  return path;
}

interface Choice {
  readonly scheme: Scheme;
  readonly bytes: number;
  readonly kl: number;
}

/** The choices on the lower convex hull of KL over bytes, the largest first. */
function frontier(choices: readonly Choice[]): Choice[] {
  const sorted = [...choices].sort((a, b) => b.bytes - a.bytes || a.kl - b.kl);
  const hull: Choice[] = [];
  for (const choice of sorted) {
    if (hull.length > 0 && choice.bytes === hull.at(-1)!.bytes) continue;
    while (hull.length > 0) {
      const last = hull.at(-1)!;
      const before = hull.at(-2);
      const slope = (from: Choice, to: Choice) => (to.kl - from.kl) / (from.bytes - to.bytes);
      // A larger choice that is no better, or one that a straight line passes below, is never worth taking.
      const useless = before ? slope(before, last) >= slope(last, choice) : false;
      if (!useless) break;
      hull.pop();
    }
    hull.push(choice);
  }
  return hull;
}

/**
 * The first mixture of the path that is small enough. Where its last step, that of a large weight, saves more than was
 * needed, earlier steps are taken back with what is left, the costliest first.
 *
 * @throws UserError where no mixture of the path is as small
 */
export function withinBudget({ mixtures, bytes }: Path, budget: number): Mixture {
  const at = bytes.findIndex((size) => size <= budget);
  if (at < 0) {
    throw new UserError(
      `budget: expected at least ${bytes.at(-1)!.toLocaleString('en-GB')} bytes, the smallest that this model becomes, got ${budget.toLocaleString('en-GB')}`,
    );
  }
  const chosen: Record<string, Scheme> = { ...mixtures[at] };
  let left = budget - bytes[at]!;
  for (let step = at - 1; step > 0; step--) {
    const [before, after] = [mixtures[step - 1]!, mixtures[step]!];
    const name = Object.keys(after).find((key) => after[key] !== before[key])!;
    const saved = bytes[step - 1]! - bytes[step]!;
    if (saved > left || chosen[name] !== after[name]) continue;
    if (before[name]) chosen[name] = before[name];
    else delete chosen[name];
    left -= saved;
  }
  return chosen;
}

/**
 * The smallest mixture of the path that still does: found by halving, as if none did behind the first that does not.
 *
 * @param does whether a mixture is good enough; all float32 is
 */
export async function smallestThatDoes(
  { mixtures }: Path,
  does: (mixture: Mixture) => Promise<boolean>,
): Promise<Mixture> {
  let [good, bad] = [0, mixtures.length];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (await does(mixtures[middle]!)) good = middle;
    else bad = middle;
  }
  return mixtures[good]!;
}
