import { copyParams, type Params } from '../../nn/index.js';
import {
  type RunPosition,
  type RunState,
  restoreState,
  restoreStateFile,
  writeStateFile,
} from '../checkpoint-state.js';
import type { Task } from '../task.js';
import { lastMerged, type MergedState, shareFile } from './round-files.js';

/**
 * Training in rounds by replicas that meet between rounds only (DiLoCo, Douillard et al. 2023, arXiv 2311.08105, algorithm 1): in
 * each round every replica takes so many steps by itself, then `mergeRound` makes one state of theirs.
 */
export interface Rounds {
  /** Shares and merged states; all replicas see it. */
  readonly folder: string;
  readonly replicas: number;
  /** Steps of a replica in a round; fewer at the end of a phase. */
  readonly localSteps: number;
  /** What this process is to do, both from 1; left out: nothing but to read phases that are whole. */
  readonly share?: { readonly round: number; readonly replica: number };
}

/** {@link Rounds}, of one phase of a run. */
export interface PhaseRounds extends Rounds {
  readonly phase: string;
}

/** Rounds of a phase, where there are rounds. */
export const roundsOf = (rounds: Rounds | undefined, phase: string): PhaseRounds | undefined =>
  rounds && { ...rounds, phase };

/** A replica's steps in a round, of the loop that takes them. */
export class LocalSteps {
  private constructor(
    private readonly rounds: PhaseRounds,
    private readonly state: RunState,
    private readonly fingerprint: string,
    private readonly steps: number,
    /** Parameters before the first round of a phase. */
    private readonly start: Params | undefined,
    /** Where it stands. */
    readonly position: RunPosition,
    /** Steps after which the loop ends. */
    readonly end: number,
    /** Whether the phase was whole before. */
    readonly isWhole: boolean,
  ) {}

  /**
   * Brings the live arrays to where this replica begins or goes on in the round.
   *
   * A replica that ended the round before keeps its own optimizer's moments; one that did not, as it was lost, begins with the mean
   * of the others'.
   *
   * @throws UserError where states are of another run, or damaged
   */
  static async open(
    rounds: PhaseRounds,
    state: RunState,
    { runDir, fingerprint, steps }: { readonly runDir: string; readonly fingerprint: string; readonly steps: number },
  ): Promise<LocalSteps> {
    const { folder, phase, share, localSteps } = rounds;
    const make = (position: RunPosition, end: number, isWhole: boolean, start?: Params) =>
      new LocalSteps(rounds, state, fingerprint, steps, start, position, end, isWhole);
    const before = await lastMerged(folder, phase, share?.round);
    if (before && before.step >= before.steps)
      return make(restoreStateFile(before.path, state, fingerprint), steps, true);
    if (!share) return make({ step: before?.step ?? 0, seconds: 0 }, 0, false);
    const start = before ? undefined : copyParams(state.params);
    const from = before?.step ?? 0;
    const end = Math.min(steps, from + localSteps);
    const own = await restoreState(runDir, state, replicaFingerprint(rounds, fingerprint));
    const isUnderWay = own !== undefined && own.step > from && own.step <= end;
    if (isUnderWay) return make(own, end, false, start);
    if (before) beginFrom(before, state, fingerprint, own?.step === from);
    return make({ step: from, seconds: own?.seconds ?? 0 }, end, false, start);
  }

  /** Fingerprint of the replica's own state: as another replica, or by itself, it would have seen other images. */
  get ownFingerprint(): string {
    return replicaFingerprint(this.rounds, this.fingerprint);
  }

  /** The task on this replica's batches: of every `replicas` batches one, so that none is seen twice. */
  taskOf(task: Task): Task {
    const { replicas, share } = this.rounds;
    const replica = (share?.replica ?? 1) - 1;
    return { ...task, feeds: (n) => task.feeds(n * replicas + replica) };
  }

  /** Hands in what was found. */
  async handIn(position: RunPosition, bounds: Task['bounds'] = {}): Promise<void> {
    const { folder, phase, share } = this.rounds;
    const { round, replica } = share!;
    const path = shareFile(folder, round, replica);
    const metadata = {
      ...{ phase, fingerprint: this.fingerprint, bounds: JSON.stringify(bounds) },
      ...{ round: String(round), steps: String(this.steps) },
    };
    const start = Object.entries(this.start ?? {}).map(([name, tensor]) => [`start/${name}`, tensor] as const);
    await writeStateFile(path, this.state, position, metadata, Object.fromEntries(start));
  }
}

/** @param keeps whether optimizer and task stay as this replica had them */
function beginFrom({ path }: MergedState, state: RunState, fingerprint: string, keeps: boolean): void {
  const { params } = state;
  restoreStateFile(path, keeps ? { params } : state, fingerprint);
}

function replicaFingerprint({ replicas, localSteps, share }: Rounds, fingerprint: string): string {
  return JSON.stringify({ run: fingerprint, replicas, replica: share?.replica, local_steps: localSteps });
}
