import { appendFileSync, existsSync } from 'node:fs';
import { z } from 'zod';
import { cannotWrite, jsonOrNothing, readTextSync, writeFileAtomic } from '../../files/index.js';
import { runEvaluation } from './evaluation.js';

const entry = z.object({
  /** Updates done over all phases, this one included. */
  step: z.int().min(1),
  phase: z.string(),
  losses: z.record(z.string(), z.number()),
  learning_rate: z.number(),
  /** Norm of all gradients together, before clipping; null where they overflowed: a skipped step. */
  gradient_norm: z.number().nullable(),
  images_per_second: z.number(),
  /** Trained up to here, over all sittings and phases; preparations do not count. */
  seconds: z.number().min(0),
  /** Where the run measured itself after this step. */
  evaluation: runEvaluation.optional(),
});

/** One step of a run. */
export type HistoryEntry = z.infer<typeof entry>;

/** The file's name in a run folder. */
export const historyFile = 'history.jsonl';

/**
 * The steps of a run in `history.jsonl`, one JSON line a step, kept over stops and resumes.
 *
 * Lines are appended one by one. A line that is not whole, as a crash leaves it, is dropped. Without a path it is of this sitting
 * alone, and nothing is written.
 */
export class History {
  readonly entries: HistoryEntry[] = [];
  /** Whether the file holds lines that are not among the entries. */
  private stale = false;

  /** @param onMessage says what was dropped */
  constructor(
    private readonly path: string | undefined,
    onMessage?: (message: string) => void,
  ) {
    if (path === undefined || !existsSync(path)) return;
    const lines = readTextSync(path).split('\n');
    // What stands behind the last line break is a line that was not written to its end.
    const torn = lines.pop() !== '';
    const damaged: number[] = [];
    for (const [i, line] of lines.entries()) {
      const parsed = parseHistoryLine(line);
      if (parsed) this.entries.push(parsed);
      else damaged.push(i + 1);
    }
    this.stale = torn || damaged.length > 0;
    if (torn) onMessage?.(`${path}: the last line was cut off and is dropped`);
    if (damaged.length > 0) onMessage?.(`${path}: no step of a run in line ${damaged.join(', ')}, dropped`);
  }

  /**
   * Adds a step. One that is trained again after a resume takes the place of what was there from it on, in one atomic
   * move.
   *
   * @throws UserError where the file cannot be written
   */
  async add(next: HistoryEntry): Promise<void> {
    const last = this.entries.at(-1);
    if (last && last.step >= next.step) {
      this.entries.length = this.entries.findIndex(({ step }) => step >= next.step);
      this.stale = true;
    }
    this.entries.push(next);
    if (this.path === undefined) return;
    if (this.stale) await writeFileAtomic(this.path, this.entries.map(lineOf).join(''));
    else appendLine(this.path, lineOf(next));
    this.stale = false;
  }
}

const lineOf = (one: HistoryEntry) => `${JSON.stringify(one)}\n`;

function appendLine(path: string, line: string): void {
  try {
    appendFileSync(path, line);
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/** One line of a history; undefined of what is none. */
export function parseHistoryLine(line: string): HistoryEntry | undefined {
  return entry.safeParse(jsonOrNothing(line)).data;
}
