import { UserError } from '../errors.js';
import { Random } from '../math/index.js';
import type { Choices, Halving, SweepSpec } from './sweep-spec.js';

/** One setting of the searched fields. */
export interface Trial {
  /** From 1. */
  readonly trial: number;
  /** Recipe fields by path. */
  readonly values: Readonly<Record<string, unknown>>;
}

const mostTrials = 10_000;

/**
 * The trials of a sweep: every combination of the fields' values, the first field slowest, or so many drawn ones. A drawn value
 * depends on seed, trial and field alone, so that more trials keep those before.
 *
 * @throws UserError for a grid of more than 10,000
 */
export function trialsOf({ search, trials = 0, seed, fields }: SweepSpec): Trial[] {
  const all = Object.entries(fields) as [string, Choices][];
  if (search === 'random') {
    return Array.from({ length: trials }, (_, i) => {
      const drawn = all.map(([field, of]) => [field, draw(of, new Random(seed, 'sweep', i + 1, field))]);
      return { trial: i + 1, values: Object.fromEntries(drawn) };
    });
  }
  const size = all.reduce((product, [, values]) => product * (values as readonly unknown[]).length, 1);
  if (size > mostTrials)
    throw new UserError(
      `fields: ${size} combinations are more than ${mostTrials}: list fewer values, or draw some (search: random)`,
    );
  let grid: Record<string, unknown>[] = [{}];
  for (const [field, values] of all) {
    grid = grid.flatMap((before) => (values as readonly unknown[]).map((value) => ({ ...before, [field]: value })));
  }
  return grid.map((values, i) => ({ trial: i + 1, values }));
}

function draw(of: Choices, random: Random): unknown {
  if (isList(of)) return random.pick(of);
  const { min, max, scale, whole } = of;
  if (whole && scale === 'linear') return Math.ceil(min) + random.int(Math.floor(max) - Math.ceil(min) + 1);
  const value = scale === 'log' ? Math.exp(random.uniform(Math.log(min), Math.log(max))) : random.uniform(min, max);
  // Digits that nobody reads tell no trials apart.
  return whole ? Math.round(value) : Number(value.toPrecision(4));
}

const isList = (of: Choices): of is readonly unknown[] => Array.isArray(of);

/**
 * How long each rung of successive halving trains (Jamieson and Talwalkar 2016, arXiv 1502.07943): `to` in the last one, in each
 * one before it a `factor`-th, at least `from`.
 */
export function rungsOf({ from, to, factor }: Halving): number[] {
  const rungs = [to];
  for (let steps = to / factor; Math.round(steps) >= from; steps /= factor) rungs.unshift(Math.round(steps));
  return rungs;
}

/** How many of a rung's trials go on to the next. */
export const goOn = (trials: number, { factor }: Halving): number => Math.max(1, Math.floor(trials / factor));
