import type { CompileOptions } from '../../runtime/index.js';
import type { Rounds } from '../rounds/local-steps.js';
import type { RunEvaluation } from './evaluation.js';

/** A command line that makes a run go on: what its recipe does not say. */
export interface RunInvocation {
  /** Arguments behind the command's name, without `--out` and what the recipe stands for. */
  readonly args: readonly string[];
  /** Working folder, from which relative paths are seen. */
  readonly folder: string;
  /** Run folder that it was given: runs inside of that are made by it, and have no command line of their own. */
  readonly out: string;
}

/** What every run is given. */
export interface RunOptions<Recipe> {
  readonly recipe: Recipe;
  /** State, history, record and what is made go here; the same call on the same folder goes on from where it stopped. */
  readonly runDir: string;
  /** Where and how steps are computed. The precision is the recipe's. */
  readonly engine?: CompileOptions;
  /** Saves and stops after the present step. */
  readonly signal?: AbortSignal;
  /** While the run prepares, and after every step. */
  readonly onProgress?: (progress: RunProgress) => void | Promise<void>;
  /** Something to be told that is no progress, in a sentence. */
  readonly onMessage?: (message: string) => void;
  /** Folders or hub ids of the models that come in, by role, for the record. */
  readonly sources?: Readonly<Record<string, string>>;
  /** Training in rounds by replicas: this run is one of them, or reads what they found. */
  readonly rounds?: Rounds;
  /** By which command line it runs; for the record, so that `promptkd resume` needs no other word. */
  readonly invocation?: RunInvocation;
  /** Why the recipe is as it is, in sentences that stand above it in `recipe.yaml`. */
  readonly remarks?: readonly string[];
}

/** How far a run is, in training or in something that comes before or after it. */
export interface RunProgress {
  /** What is done now. */
  readonly phase: string;
  /** Steps done of the phase, and how many it has; 0 of 0 where they are not counted. */
  readonly step: number;
  readonly steps: number;
  /** Of a training step, as all that follows: updates done over all phases, and how many there are. */
  readonly overall?: number;
  readonly overallSteps?: number;
  /** The part of all the phases' work that is done, from 0 to 1: a step of one phase may take longer than one of another. */
  readonly share?: number;
  readonly losses?: Readonly<Record<string, number>>;
  readonly learningRate?: number;
  /** Not finite where gradients overflowed: a skipped step. */
  readonly gradientNorm?: number;
  readonly imagesPerSecond?: number;
  /** Trained in this phase, over all sittings. */
  readonly seconds?: number;
  /** Where the run measured itself after this step. */
  readonly evaluation?: RunEvaluation;
  /** Whether it still learns, in words, by the evaluations of this phase: see `trendOf`. */
  readonly trend?: string;
}

/** What every run gives back. */
export interface RunResult {
  /** Folder of what was made; it need not be there before the run has finished. */
  readonly folder: string;
  /** False where the signal stopped it; the same call goes on. */
  readonly finished: boolean;
  /** Updates done, over all sittings. */
  readonly steps: number;
  /** Trained, over all sittings; preparations do not count. */
  readonly seconds: number;
  readonly imagesSeen: number;
}

/** The result of a run that has more to give once it has finished. */
export type RunOutcome<Made> =
  | (RunResult & { readonly finished: false })
  | (RunResult & { readonly finished: true } & Made);
