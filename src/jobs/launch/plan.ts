/** What a launcher is told. */
export interface LaunchPlan {
  /** Of the job, in lists. */
  readonly name: string;
  /** Arguments of `promptkd`; of an array, those of every job but its number. */
  readonly args: readonly string[];
  /** Jobs of an array, numbered from 1; left out: one training of `processes`. */
  readonly array?: { readonly jobs: number; readonly atOnce: number; readonly retries: number };
  /** Processes of one training together. */
  readonly processes: number;
  /** Machines that they stand on. */
  readonly nodes: number;
  /** Cores of each process. */
  readonly threads: number;
  /** GiB of each process. */
  readonly memory: number;
  /** GPUs of each process. */
  readonly gpus: number;
  /** Hours, minutes and seconds, as 4:00:00. */
  readonly time?: string;
  readonly partition?: string;
  /** Container image, and the volume claim that is mounted at {@link mountPath}. */
  readonly image: string;
  readonly claim: string;
}

/** Where containers see the shared volume, and work. */
export const mountPath = '/work';

/** A word as a POSIX shell reads it back. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** Words as one line that a POSIX shell reads back. */
export const shellLine = (words: readonly string[]): string => words.map(quoted).join(' ');
