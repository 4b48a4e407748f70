import { appendFileSync, existsSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ensureFolder, readBytesSync, writeFileAtomic } from '../../files/index.js';
import { readRecords, scalarRecord, stepOf, versionRecord } from './event-records.js';
import type { HistoryEntry } from './history.js';

/** The folder in a run's folder that TensorBoard is given. */
export const tensorboardFolder = 'tensorboard';
const prefix = 'events.out.tfevents.';

/**
 * A run's numbers as TensorBoard reads them, in one event file that grows with the history: losses, rate, gradient norm,
 * images a second and evaluations. A step that is trained again after a resume takes the place of what was there.
 */
export class TensorboardEvents {
  private file: string | undefined;
  private lastStep = 0;

  /** @param runDir run folder, whose history has the entries before the next one */
  constructor(private readonly runDir: string) {}

  /**
   * Adds the last of some entries.
   *
   * @param entries of the history, the new one last
   * @throws UserError where the file cannot be written
   */
  async add(entries: readonly HistoryEntry[]): Promise<void> {
    const entry = entries.at(-1)!;
    const now = Date.now() / 1000;
    if (this.file === undefined || this.lastStep >= entry.step) await this.begin(entries, now);
    else appendFileSync(this.file, scalarRecord(eventOf(entry, now)));
    this.lastStep = entry.step;
  }

  /** Keeps what an earlier sitting wrote of the steps before, adds what it lacks, and the new entry. */
  private async begin(entries: readonly HistoryEntry[], now: number): Promise<void> {
    const folder = join(this.runDir, tensorboardFolder);
    await ensureFolder(folder);
    const { step, seconds } = entries.at(-1)!;
    const name = readdirSync(folder).find((one) => one.startsWith(prefix));
    this.file = join(folder, name ?? `${prefix}${Math.floor(now)}.${hostname()}.promptkd`);
    const records = existsSync(this.file) ? readRecords(readBytesSync(this.file)) : [];
    const kept = records.filter(({ message }) => stepOf(message) < step);
    const last = kept.length > 0 ? stepOf(kept.at(-1)!.message) : 0;
    const lacking = entries.filter((one) => one.step > last);
    const first = kept.length > 0 ? [] : [versionRecord(now - seconds)];
    const added = lacking.map((one) => scalarRecord(eventOf(one, now - seconds + one.seconds)));
    await writeFileAtomic(this.file, Buffer.concat([...first, ...kept.map(({ record }) => record), ...added]));
  }
}

function eventOf(entry: HistoryEntry, wallTime: number) {
  const { step, losses, learning_rate, gradient_norm, images_per_second, evaluation = {} } = entry;
  const measured = Object.entries(evaluation).filter(([name, value]) => name !== 'images' && typeof value === 'number');
  const named = (prefix: string, values: readonly (readonly [string, unknown])[]) =>
    Object.fromEntries(values.map(([name, value]) => [`${prefix}/${name}`, value as number]));
  const scalars = {
    ...named('loss', Object.entries(losses)),
    ...{ 'training/learning_rate': learning_rate, 'training/images_per_second': images_per_second },
    ...(gradient_norm !== null && { 'training/gradient_norm': gradient_norm }),
    ...named('evaluation', measured),
  };
  return { step, wallTime, scalars };
}
