import { bytes, count, duration, percent } from '../report/index.js';
import { type RunEvaluation, runEvaluation, scoreName, scoreOf } from '../train/index.js';
import type { FoundRun } from './find-runs.js';

/** A run in plain numbers, for machines. */
export interface RunSummary {
  readonly run: string;
  readonly command: string;
  readonly state: string;
  readonly error?: string;
  readonly started: string;
  /** Updates done. */
  readonly steps: number;
  readonly train_seconds: number;
  readonly images_seen: number;
  readonly parameters?: number;
  /** What decides, and how it is called: top-1, R@1, H (of base and novel classes). */
  readonly figure?: string;
  readonly value?: number;
  /** The best evaluation, and the last one. */
  readonly best?: RunEvaluation;
  readonly evaluation?: RunEvaluation;
  readonly loss?: number;
  readonly bytes: number;
}

/** What a run's record and the end of its history say of it. */
export function summaryOf({ name, record, last, measured, bytes: size }: FoundRun): RunSummary {
  const { command, state, error, started, figures } = record;
  const done = state === 'finished';
  const best = evaluationIn(figures.best);
  const evaluation = evaluationIn(figures.evaluation) ?? measured?.evaluation;
  const { parameters } = figures;
  return {
    ...{ run: name, command, state, error, started },
    steps: done ? record.steps : Math.max(record.steps, last?.step ?? 0),
    train_seconds: done ? record.seconds : Math.max(record.seconds, last?.seconds ?? 0),
    ...{ images_seen: record.images_seen, parameters: typeof parameters === 'number' ? parameters : undefined },
    ...keyFigure(figures, best ?? evaluation),
    ...{ best, evaluation, loss: last?.losses.total, bytes: size },
  };
}

/** The figure that a run is for. */
function keyFigure(
  figures: FoundRun['record']['figures'],
  evaluation: RunEvaluation | undefined,
): Pick<RunSummary, 'figure' | 'value'> {
  if (evaluation) return { figure: scoreName(evaluation), value: scoreOf(evaluation) };
  const student = numberAt(figures, 'promptkd', 'top1'); // the demo's
  if (student !== undefined) return { figure: 'top-1', value: student };
  const harmonic = numberAt(figures, 'base_novel', 'student', 'harmonic', 'mean'); // cvpr2024's, over seeds
  return harmonic === undefined ? {} : { figure: 'H', value: harmonic };
}

function numberAt(tree: unknown, ...path: readonly string[]): number | undefined {
  const found = path.reduce<unknown>((at, field) => (at as Record<string, unknown> | undefined)?.[field], tree);
  return typeof found === 'number' ? found : undefined;
}

function evaluationIn(value: unknown): RunEvaluation | undefined {
  const parsed = runEvaluation.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** A summary's numbers as people read them, by the names of {@link RunSummary}. */
export function shownFigures(run: RunSummary): Readonly<Record<string, string>> {
  const { figure, value, loss, parameters, steps, train_seconds, images_seen, bytes: size, best } = run;
  return {
    figure:
      value === undefined
        ? loss === undefined
          ? '–'
          : `loss ${loss.toPrecision(3)}`
        : `${figure} ${percent(value)} %`,
    'of teacher': best?.teacher ? `${percent(scoreOf(best) / best.teacher)} %` : '–',
    parameters: parameters === undefined ? '–' : count(parameters),
    steps: steps.toLocaleString('en-GB'),
    time: duration(train_seconds),
    'images seen': images_seen.toLocaleString('en-GB'),
    disk: bytes(size),
  };
}
