import type { Logger } from 'pino';

/** Between two lines of one cascade: a teacher that is away would otherwise fill the log, a line an answer. */
const intervalMs = 60_000;

/** Warns that answers of cascades are degraded, and why: at once, then at most once a minute a cascade, with their number. */
export class DegradedLog {
  private readonly last = new Map<string, { at: number; answers: number }>();

  constructor(private readonly log: Pick<Logger, 'warn'>) {}

  /** @param reason of an answer whose later stages could not give it */
  note(cascade: string, reason: string): void {
    const { at, answers } = this.last.get(cascade) ?? { at: Number.NEGATIVE_INFINITY, answers: 0 };
    const now = performance.now();
    if (now - at < intervalMs) {
      this.last.set(cascade, { at, answers: answers + 1 });
      return;
    }
    this.last.set(cascade, { at: now, answers: 0 });
    this.log.warn({ cascade, reason, answers: answers + 1 }, 'degraded: a later stage did not answer');
  }
}
