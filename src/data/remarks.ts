import type { Remark } from './dataset.js';

const shown = 5;

/** Gathers what is to be said of many images at once: how often, with a few of them. */
export class Remarks {
  private readonly found = new Map<string, { count: number; examples: string[] }>();

  /** @param message what holds of them, as it stands behind their number */
  add(message: string, example: string, count = 1): void {
    const known = this.found.get(message);
    if (!known) {
      this.found.set(message, { count, examples: [example] });
      return;
    }
    known.count += count;
    if (known.examples.length < shown) known.examples.push(example);
  }

  list(): Remark[] {
    return [...this.found].map(([message, { count, examples }]) => ({ message, count, examples }));
  }
}
