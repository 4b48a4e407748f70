import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

/** The losses of one step. */
export interface HistoryEntry {
  /** Steps done over all phases. */
  step: number;
  phase: string;
  losses: Record<string, number>;
}

/** The losses of a run, one JSON line a step, kept over stops and resumes. */
export class History {
  readonly entries: HistoryEntry[] = [];

  constructor(private readonly path: string) {
    if (!existsSync(path)) return;
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      try {
        if (line) this.entries.push(JSON.parse(line) as HistoryEntry);
      } catch {
        break; // a line cut off by a crash; its step is trained again
      }
    }
  }

  /** Adds a step; a step that is trained again after a resume replaces what was there from it on. */
  add(entry: HistoryEntry): void {
    const kept = this.entries.findIndex((e) => e.step >= entry.step);
    if (kept >= 0) {
      this.entries.length = kept;
      writeFileSync(this.path, this.entries.map((e) => `${JSON.stringify(e)}\n`).join(''));
    }
    this.entries.push(entry);
    appendFileSync(this.path, `${JSON.stringify(entry)}\n`);
  }
}
