import { UserError } from '../../errors.js';
import { classProbabilities, fitTemperature, type Scored } from '../../math/index.js';
import { percent } from '../../report/index.js';
import { calibrationError } from './calibration.js';
import { argMax, type Confidence, confidenceOf } from './confidence.js';

/** What every latency of a cascade and its models is: in the table, in the plot, in the file and as a limit. */
export const latencyMeaning = 'mean time per image, from decoded image to answer';

/** A stage as it was measured: its answers to the same images as the others', and its time per image. */
export interface MeasuredStage extends Scored {
  readonly name: string;
  /** Asked alone. */
  readonly latencyMs: number;
  /** Asked after the stages before it, whose resized images it shares: what it adds to the time of an image. */
  readonly behindMs: number;
}

/** What is sought: at least this accuracy at the least latency, or at most this latency at the best accuracy. */
export type Target = { readonly accuracy: number } | { readonly latencyMs: number };

/** How a cascade does at given thresholds. */
export interface CascadeFigures {
  /** One a stage but the last. */
  readonly thresholds: readonly number[];
  /** Share of right answers. */
  readonly accuracy: number;
  /** For each stage the share of images that it sees. */
  readonly seen: readonly number[];
  /** Mean time per image: Σ share of the images that a stage sees · the time it adds behind those before it. */
  readonly latencyMs: number;
}

/** The thresholds found, and what the cascade reaches with them. */
export interface Tuned extends CascadeFigures {
  readonly confidence: Confidence;
  /** One a stage. */
  readonly temperatures: readonly number[];
}

/** Combinations of thresholds that are looked at. */
const combinations = 4096;

/** Temperatures of all stages, fitted on the images they were measured on. */
export const fitTemperatures = (stages: readonly Scored[]): number[] => stages.map(fitTemperature);

/**
 * Thresholds for a target, sought among quantiles of the stages' confidences (all of them for two stages and fewer
 * than 4,096 images), for the best of some kinds of confidence.
 *
 * For an accuracy, of two stages, the least threshold from which on no larger one misses it is taken, so that a lucky
 * bump of a small set is not. For a latency, of the thresholds whose accuracy is within one standard error of the best,
 * √(a(1 − a)/n) (Breiman et al. 1984, §3.4.3), the one that sends most on: few images cannot tell them apart, and what
 * the last stage answers is answered as well as can be.
 *
 * @throws UserError where no thresholds reach the target, with the best that can be had
 */
export function tuneCascade(
  stages: readonly MeasuredStage[],
  temperatures: readonly number[],
  kinds: readonly Confidence[],
  target: Target,
): Tuned {
  let best: Tuned | undefined;
  let nearest: CascadeFigures | undefined;
  for (const confidence of kinds) {
    const runs = cascadeRuns(stages, temperatures, confidence);
    const grid = combine(runs.map((run) => levels(run.confidences, combinations ** (1 / runs.length))));
    const figures = grid.map((thresholds) => figuresAt(stages, runs, thresholds));
    for (const one of figures) if (isNearer(one, nearest, target)) nearest = one;
    const found = chosen(figures, target, stages);
    if (found && isBetter(found, best, target)) best = { ...found, confidence, temperatures };
  }
  if (best) return best;
  throw new UserError(
    'accuracy' in target
      ? `--target-accuracy: expected at most ${percent(nearest!.accuracy, 2)} %, the best these models reach together, got ${percent(target.accuracy, 2)} %`
      : `--max-latency: expected at least ${nearest!.latencyMs.toFixed(3)} ms, the first model's own time, got ${target.latencyMs.toFixed(3)} ms`,
  );
}

/** The figures of a cascade on images that it may not have been tuned on. */
export function cascadeFigures(
  stages: readonly MeasuredStage[],
  { confidence, temperatures, thresholds }: Pick<Tuned, 'confidence' | 'temperatures' | 'thresholds'>,
): CascadeFigures {
  return figuresAt(stages, cascadeRuns(stages, temperatures, confidence), thresholds);
}

/** Figures over the first threshold, the others as they are, at about `points` quantiles of its confidence. */
export function thresholdCurve(
  stages: readonly MeasuredStage[],
  tuned: Pick<Tuned, 'confidence' | 'temperatures' | 'thresholds'>,
  points: number,
): CascadeFigures[] {
  const runs = cascadeRuns(stages, tuned.temperatures, tuned.confidence);
  const rest = tuned.thresholds.slice(1);
  return levels(runs[0]!.confidences, points).map((first) => figuresAt(stages, runs, [first, ...rest]));
}

/** Calibration of each stage before and after, on images it may not have been fitted on. */
export function calibrationOf(stages: readonly MeasuredStage[], temperatures: readonly number[]) {
  return stages.map((stage, s) => ({
    name: stage.name,
    temperature: temperatures[s]!,
    before: calibrationError(stage),
    after: calibrationError(stage, temperatures[s]!),
  }));
}

/** Of a stage that may pass images on: how sure it was of each. */
interface Run {
  readonly confidences: Float64Array;
}

function cascadeRuns(stages: readonly MeasuredStage[], temperatures: readonly number[], confidence: Confidence): Run[] {
  return stages.slice(0, -1).map(({ scoring = 'softmax', logits }, s) => ({
    confidences: Float64Array.from(logits, (z) =>
      confidenceOf(confidence, z, temperatures[s]!, classProbabilities(scoring, z, temperatures[s]!)),
    ),
  }));
}

function figuresAt(
  stages: readonly MeasuredStage[],
  runs: readonly Run[],
  thresholds: readonly number[],
): CascadeFigures {
  const { labels } = stages[0]!;
  const seen = new Array<number>(stages.length).fill(0);
  let right = 0;
  for (const [i, label] of labels.entries()) {
    let s = 0;
    while (s < runs.length && runs[s]!.confidences[i]! < thresholds[s]!) seen[s++]!++;
    seen[s]!++;
    if (argMax(stages[s]!.logits[i]!) === label) right++;
  }
  const shares = seen.map((n) => n / labels.length);
  return {
    thresholds,
    accuracy: right / labels.length,
    seen: shares,
    latencyMs: shares.reduce((sum, share, s) => sum + share * stages[s]!.behindMs, 0),
  };
}

/** Thresholds from the one that sends nothing on to the one that sends all, in rising order. */
function levels(values: Float64Array, most: number): number[] {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const steps = Math.max(2, Math.min(sorted.length, Math.floor(most) - 1));
  const picked = Array.from({ length: steps }, (_, i) => sorted[Math.round((i * (sorted.length - 1)) / (steps - 1))]!);
  // Just above the surest answer all are sent on. Only an energy may be above 1.
  const surest = sorted.at(-1)!;
  return [...new Set([...picked, surest > 1 ? surest * (1 + 1e-9) : Math.min(1, surest + 1e-9)])];
}

function combine(lists: readonly (readonly number[])[]): number[][] {
  return lists.reduce<number[][]>((heads, list) => heads.flatMap((head) => list.map((x) => [...head, x])), [[]]);
}

function meets(figures: CascadeFigures, target: Target): boolean {
  return 'accuracy' in target ? figures.accuracy >= target.accuracy : figures.latencyMs <= target.latencyMs;
}

function chosen(
  figures: readonly CascadeFigures[],
  target: Target,
  stages: readonly MeasuredStage[],
): CascadeFigures | undefined {
  let fitting = figures.filter((one) => meets(one, target));
  if (stages.length === 2 && 'accuracy' in target) {
    const lastMiss = figures.findLastIndex((one) => !meets(one, target));
    if (lastMiss < figures.length - 1) fitting = figures.slice(lastMiss + 1);
  }
  let best: CascadeFigures | undefined;
  for (const one of fitting) if (isBetter(one, best, target)) best = one;
  if (!best || 'accuracy' in target) return best;
  const least = best.accuracy - Math.sqrt((best.accuracy * (1 - best.accuracy)) / stages[0]!.labels.length);
  const alike = fitting.filter(({ accuracy }) => accuracy >= least);
  return alike.reduce((most, one) => (one.latencyMs > most.latencyMs ? one : most));
}

function isBetter(one: CascadeFigures, than: CascadeFigures | undefined, target: Target): boolean {
  if (!than) return true;
  const [quicker, equal] = [one.latencyMs < than.latencyMs, one.latencyMs === than.latencyMs];
  if ('accuracy' in target) return quicker || (equal && one.accuracy > than.accuracy);
  return one.accuracy > than.accuracy || (one.accuracy === than.accuracy && quicker);
}

function isNearer(one: CascadeFigures, than: CascadeFigures | undefined, target: Target): boolean {
  if (!than) return true;
  return 'accuracy' in target ? one.accuracy > than.accuracy : one.latencyMs < than.latencyMs;
}
