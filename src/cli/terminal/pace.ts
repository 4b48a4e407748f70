import type { ProgressUpdate } from './progress.js';

/** Least seconds of steps before a pace is believed. */
const settled = 1;

/** How long something takes, in seconds. */
export interface TimeLeft {
  /** Of the phase. */
  readonly phase?: number;
  /** Of all phases together. */
  readonly overall?: number;
  /** Since the phase began, in this process. */
  readonly spent: number;
}

/**
 * Estimates the time left at the pace of this process's own steps: a resumed run did not do the first ones. The first step
 * of a phase, which also makes buffers, does not count.
 */
export class Pace {
  private phase = '';
  private begun = 0;
  private first: { readonly step: number; readonly share: number; readonly at: number } | undefined;

  constructor(private readonly now = () => performance.now() / 1000) {}

  after({ phase, step, steps, share = 0 }: ProgressUpdate): TimeLeft {
    const at = this.now();
    if (phase !== this.phase) {
      this.phase = phase;
      this.begun = at;
      this.first = undefined;
    }
    if (step > 0) this.first ??= { step, share, at };
    const spent = at - this.begun;
    if (!this.first || step <= this.first.step || at - this.first.at < settled) return { spent };
    const taken = at - this.first.at;
    return {
      spent,
      phase: (taken / (step - this.first.step)) * (steps - step),
      ...(share > this.first.share && { overall: (taken / (share - this.first.share)) * (1 - share) }),
    };
  }
}

/** 431 → "7:11", 4310 → "1:11:50". */
export function clockTime(seconds: number): string {
  const total = Math.round(seconds);
  const parts = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return (parts[0] ? parts : parts.slice(1)).map((n, i) => (i ? String(n).padStart(2, '0') : String(n))).join(':');
}
