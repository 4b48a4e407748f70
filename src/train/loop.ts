import { UserError } from '../errors.js';
import { agree, leads, single } from '../group/index.js';
import { copyParams, type Params } from '../nn/index.js';
import { type RunState, restoreState, saveState } from './checkpoint-state.js';
import { type ComputeOptions, openExecutor, type StepReport } from './executor.js';
import { GroupReduce, shareState } from './group-reduce.js';
import { lossScaleFor } from './loss-scale.js';
import type { Optimizer } from './optimizer.js';
import { LocalSteps, type PhaseRounds } from './rounds/local-steps.js';
import type { Task } from './task.js';

/** What is reported after every update. */
export interface StepEvent extends Pick<StepReport, 'skipped' | 'lossScale'> {
  /** Updates done, this one included. */
  readonly step: number;
  readonly steps: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly learningRate: number;
  /** Norm of all gradients together, before clipping; not finite where they overflowed and the step was skipped. */
  readonly gradientNorm: number;
  readonly imagesPerSecond: number;
  /** Seconds trained, over all sittings. */
  readonly seconds: number;
  /** Estimated seconds to the end. */
  readonly secondsLeft: number;
  /**
   * The averaged parameters; the parameters themselves where the run keeps no average. Where several updates are done at
   * once, as they stand after the last of these: `lookEvery` says where one is to be the last.
   */
  averaged(): Promise<Params>;
}

/** Options of {@link train}. */
export interface LoopOptions extends ComputeOptions {
  readonly steps: number;
  readonly optimizer: Optimizer;
  readonly learningRate: (step: number) => number;
  /** Largest norm of all gradients together. */
  readonly clipNorm?: number;
  /** Where the state is kept; without it nothing is saved and nothing resumed. */
  readonly runDir?: string;
  /** Steps between saved states; one is always saved at the end and on abort. */
  readonly checkpointEvery?: number;
  /** `onStep` looks at the parameters after every so many steps: no updates are done at once over such a step. */
  readonly lookEvery?: number;
  /** What the run is, JSON of recipe and data; a state of another run is refused. */
  readonly fingerprint?: string;
  /** Saves and stops after the present step; of several processes all do where one is told to. */
  readonly signal?: AbortSignal;
  /** Awaited, so that an evaluation in it sees parameters that nothing changes meanwhile. */
  readonly onStep?: (event: StepEvent) => void | Promise<void>;
  /** Whether a run ends after a step, before its last: asked before every step, and of a run that goes on before its first. */
  readonly endsAfter?: (step: number) => boolean;
  /** Decay of an exponential moving average of the parameters, e.g. 0.999. */
  readonly ema?: number;
  /** Trains a replica's share of a round instead of all steps, and hands it in. Nothing ends it early then but the signal. */
  readonly rounds?: PhaseRounds;
  /** First loss scale of mixed precision. @defaultValue 2¹⁶ */
  readonly lossScale?: number;
}

/** What {@link train} ended with. */
export interface TrainResult {
  /** False where the signal stopped it, and of a share of a round. */
  readonly finished: boolean;
  /** Updates done, over all sittings; fewer than asked for where `endsAfter` ended it. */
  readonly step: number;
  /** Seconds trained, over all sittings. */
  readonly seconds: number;
  /** The averaged parameters; the task's own where no average was asked for. */
  readonly averaged: Params;
}

/**
 * Trains `task` for `steps` updates, from where the run folder stands.
 *
 * A run stopped at any step and resumed ends with the same bits as one that was not stopped.
 *
 * The processes of `compile.group` train together, from the first one's state, which alone reads and saves it.
 *
 * @throws UserError where a loss or gradient is no longer finite, naming the step and the last saved one, where the run folder
 *   holds another run, or where processes would train something else than the first one
 */
export async function train(task: Task, options: LoopOptions): Promise<TrainResult> {
  const { steps, learningRate, runDir, fingerprint = '' } = options;
  const averaged = options.ema === undefined ? task.params : copyParams(task.params);
  const average = options.ema === undefined ? undefined : { params: averaged, keep: keptBy(options.ema) };
  const lossScale = lossScaleFor(options.compile?.precision, options.lossScale);
  const carried = Object.entries(task.carried ?? {}).map(([name, { array }]) => [name, array] as const);
  const state: RunState = {
    params: task.params,
    optimizer: options.optimizer.state(),
    task: { ...Object.fromEntries(carried), ...task.state?.(), ...lossScale?.state },
    averaged: average?.params ?? {},
  };
  const { group = single } = options.compile ?? {};
  const together = group.size > 1 ? new GroupReduce(group, () => options.signal?.aborted ?? false) : undefined;
  if (together) agree(group, { run: fields(fingerprint), steps });
  const local =
    options.rounds && (await LocalSteps.open(options.rounds, state, { runDir: runDir!, fingerprint, steps }));
  const restore = async () => local?.position ?? (runDir ? restoreState(runDir, state, fingerprint) : undefined);
  const start = together ? await shareState(group, state, restore) : await restore();
  const end = local?.end ?? steps;
  const isShare = local !== undefined && options.rounds?.share !== undefined && !local.isWhole;
  let step = start?.step ?? 0;
  // What was merged is not this run's own yet.
  let saved = local?.isWhole && !options.rounds?.share ? undefined : start?.step;
  const clock = new StepClock(start?.seconds ?? 0);
  const { afterUpdates } = task;
  const executor = await openExecutor(isShare ? local.taskOf(task) : task, {
    ...options,
    reduce: options.reduce ?? together?.reduce,
    average,
    lossScale,
  });
  const save = async () => {
    if (!runDir || saved === step || !leads(group)) return;
    await executor.read();
    const own = isShare ? local.ownFingerprint : fingerprint;
    await saveState(runDir, state, { step, seconds: clock.seconds }, own);
    saved = step;
  };
  const looks = [options.checkpointEvery || steps, options.lookEvery ?? steps, afterUpdates?.every ?? steps];
  const stops = [executor.stepsAtOnce, ...looks];
  let ended = false;
  /** What ended it early the first process knows, which measures. */
  const isOver = () => {
    if (step < end && step > 0 && options.endsAfter && !local) {
      const ends = Float32Array.of(leads(group) && options.endsAfter(step) ? 1 : 0);
      group.allReduce(ends);
      ended = ends[0]! > 0;
    }
    return step >= end || ended;
  };

  try {
    while (!isOver()) {
      // The runtime blocks this thread while it computes: without a breath here no signal is ever heard.
      await new Promise((resolve) => setImmediate(resolve));
      if (together ? together.stops : options.signal?.aborted) break;
      const count = Math.min(end - step, ...stops.map((every) => every - (step % every)));
      clock.begin();
      const reports = await executor.run(step, count);
      clock.end(count);
      const done = step + count;
      if (afterUpdates && done % afterUpdates.every === 0) {
        await executor.read();
        afterUpdates.see(done, averaged);
      }

      for (const { losses, gradientNorm, skipped, images, lossScale } of reports) {
        checkFinite(losses, step, saved, runDir);
        if (!skipped) checkFinite({ 'gradient norm': gradientNorm }, step, saved, runDir);
        const rate = learningRate(step);
        step++;
        await options.onStep?.({
          step,
          steps,
          losses,
          learningRate: rate,
          gradientNorm,
          skipped,
          lossScale,
          imagesPerSecond: images / clock.secondsPerStep,
          seconds: clock.seconds,
          secondsLeft: (steps - step) * clock.secondsPerStep,
          averaged: async () => {
            await executor.read();
            return averaged;
          },
        });
      }
      if (options.checkpointEvery && step % options.checkpointEvery === 0) await save();
    }
    await save();
    await executor.read();
    if (isShare && step === end) await local.handIn({ step, seconds: clock.seconds }, task.bounds);
    // A process that ends takes the others with it: none leaves before the state is saved.
    await group.barrier();
  } finally {
    await executor.dispose();
  }
  return { finished: !isShare && (step >= steps || ended), step, seconds: clock.seconds, averaged };
}

/** What a run is, as fields that can be compared one by one. */
function fields(fingerprint: string): unknown {
  try {
    return JSON.parse(fingerprint);
  } catch {
    return fingerprint;
  }
}

/** The average's own share at a step; early on it follows quickly, so that the random start does not linger. */
function keptBy(decay: number): (step: number) => number {
  return (step) => Math.min(decay, (1 + step) / (10 + step));
}

/** Time spent in steps, and a running mean of one step's time for the estimates. */
class StepClock {
  secondsPerStep = 0;
  private count = 0;
  private started = 0;

  constructor(public seconds: number) {}

  begin(): void {
    this.started = performance.now();
  }

  end(steps: number): void {
    const taken = (performance.now() - this.started) / 1000;
    this.seconds += taken;
    // The first steps also fill caches and make buffers: they are soon forgotten.
    const weight = this.count < 4 ? 1 : Math.max(0.05, 1 / (this.count - 2));
    this.secondsPerStep += weight * (taken / steps - this.secondsPerStep);
    this.count++;
  }
}

function checkFinite(
  figures: Readonly<Record<string, number>>,
  step: number,
  saved: number | undefined,
  runDir: string | undefined,
): void {
  const bad = Object.entries(figures).find(([, value]) => !Number.isFinite(value));
  if (!bad) return;
  const kept = saved === undefined ? 'no state is saved' : `the last saved state is step ${saved} in ${runDir}`;
  throw new UserError(
    `training: ${bad[0]} is ${bad[1]} at step ${step + 1}; ${kept}. Lower the learning rate, or clip the gradients`,
  );
}
