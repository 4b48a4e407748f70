import { type RunEvaluation, scoreOf } from './evaluation.js';
import type { History } from './history.js';

/** An evaluation and the step after which it was made, over all phases. */
export type PlacedEvaluation = RunEvaluation & { readonly step: number };

/**
 * Which evaluation of a phase is the best so far, and whether enough of them were no better. Other phases' do not count:
 * they train other parts, by other losses.
 *
 * It begins with the run's history: a run that was stopped and goes on knows what it had found, and what it trains again
 * is measured again.
 */
export class Validation {
  private evaluations: PlacedEvaluation[];

  constructor(
    history: History,
    phase: string,
    private readonly patience: number | undefined,
  ) {
    this.evaluations = evaluationsOf(history.entries, phase);
  }

  /** Notes an evaluation. @returns whether it is better than all before it */
  note(evaluation: RunEvaluation, step: number): boolean {
    const before = this.best(step - 1);
    this.evaluations = [...this.upTo(step - 1), { ...evaluation, step }];
    return before === undefined || scoreOf(evaluation) > scoreOf(before);
  }

  /** The best evaluation up to and with a step, the first of equal ones. */
  best(step: number): PlacedEvaluation | undefined {
    return bestOf(this.upTo(step));
  }

  /** Whether the last evaluations up to a step, as many as the patience, were all no better than one before. */
  isExhausted(step: number): boolean {
    if (this.patience === undefined) return false;
    const evaluations = this.upTo(step);
    const best = bestOf(evaluations);
    return best !== undefined && evaluations.length - 1 - evaluations.indexOf(best) >= this.patience;
  }

  private upTo(last: number): PlacedEvaluation[] {
    return this.evaluations.filter(({ step }) => step <= last);
  }
}

/** The evaluations of a history in their order. @param phase left out: of all phases */
export function evaluationsOf(entries: History['entries'], phase?: string): PlacedEvaluation[] {
  return entries.flatMap(({ step, phase: of, evaluation }) =>
    evaluation && (phase === undefined || of === phase) ? [{ ...evaluation, step }] : [],
  );
}

/** The best of some evaluations, the first of equal ones. */
export function bestOf<E extends RunEvaluation>(evaluations: readonly E[]): E | undefined {
  return evaluations.reduce<E | undefined>(
    (best, one) => (best === undefined || scoreOf(one) > scoreOf(best) ? one : best),
    undefined,
  );
}
