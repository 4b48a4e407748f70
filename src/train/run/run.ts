import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { codeFingerprint, ensureFolder } from '../../files/index.js';
import { versions, writeRecipe } from '../../files/recipe-file.js';
import { agree, leads, single } from '../../group/index.js';
import type { StepEvent } from '../loop.js';
import type { RunEvaluation } from './evaluation.js';
import { History, historyFile } from './history.js';
import { trendLine } from './learning.js';
import { lockRun } from './run-lock.js';
import type { RunOptions, RunResult } from './run-options.js';
import { presentMachine, type RunRecord, readRunRecord, writeRunRecord } from './run-record.js';
import { TensorboardEvents } from './tensorboard.js';
import { evaluationsOf } from './validation.js';

/** What a run is: the part of its record that its options do not say. */
export interface RunIdentity {
  /** Its command's name. */
  readonly command: string;
  readonly data: RunRecord['data'];
}

/** Where a phase stands in its run. */
export interface PhasePlace {
  readonly phase: string;
  /** Updates of the phases before it. */
  readonly firstStep: number;
  readonly overallSteps: number;
  /** About how much is computed by the phases before it, by a step of it, and in all, where steps of phases differ. */
  readonly work?: { readonly before: number; readonly step: number; readonly total: number };
}

/** What work gives back to {@link inRun}. */
export interface RunWork<Result extends RunResult> {
  readonly result: Result;
  /** For the record. */
  readonly figures?: Readonly<Record<string, unknown>>;
}

interface Disposable {
  dispose(): unknown;
}

/** A run under way: its history, its record, and what it holds. */
export class Run {
  readonly history: History;
  private readonly events: TensorboardEvents | undefined;
  private readonly held: Disposable[] = [];
  private readonly skipped: Map<string, RunRecord['skipped'][number]>;
  private recorded = false;
  /** Of several processes the first alone writes. */
  private readonly writes: boolean;
  /** The phases before the present one, so far as steps are told. */
  private before: { readonly step: number; readonly seconds: number } | undefined;

  constructor(
    private readonly options: RunOptions<unknown>,
    private record: RunRecord,
  ) {
    this.writes = leads(options.engine?.group);
    this.history = new History(this.writes ? join(options.runDir, historyFile) : undefined, options.onMessage);
    this.events = this.writes ? new TensorboardEvents(options.runDir) : undefined;
    this.skipped = new Map(record.skipped.map((image) => [image.id, image]));
  }

  /** Holds something until the run is over, however it ends. */
  own<T extends Disposable>(thing: T): T {
    this.held.push(thing);
    return thing;
  }

  /** Says what a model is that came in. */
  identify(role: string, fingerprint: string): void {
    const { models } = this.record;
    this.record = { ...this.record, models: { ...models, [role]: { ...models[role], fingerprint } } };
  }

  /** Notes images that could not be read; for the record, they may be told again. */
  skip(images: readonly { readonly id: string; readonly reason: string }[]): void {
    for (const { id, reason } of images) this.skipped.set(id, { id, reason });
  }

  /** Says that the state in the folder is this run's: from here on the record is, too. */
  async accept(): Promise<void> {
    if (!this.recorded) await this.write();
  }

  /** Notes a step of training and reports it. */
  async step(
    { phase, firstStep, overallSteps, work }: PhasePlace,
    event: StepEvent,
    evaluation?: RunEvaluation,
  ): Promise<void> {
    await this.accept();
    const { step, steps, losses, learningRate, gradientNorm, imagesPerSecond, seconds } = event;
    const overall = firstStep + step;
    await this.history.add({
      ...{ step: overall, phase, losses: { ...losses }, learning_rate: learningRate },
      gradient_norm: Number.isFinite(gradientNorm) ? gradientNorm : null,
      images_per_second: Math.round(imagesPerSecond * 10) / 10,
      seconds: Math.round((this.secondsBefore(firstStep) + seconds) * 1000) / 1000,
      ...(evaluation && { evaluation }),
    });
    await this.events?.add(this.history.entries);
    const trend = evaluation && trendLine(evaluationsOf(this.history.entries, phase));
    await this.options.onProgress?.({
      ...{ phase, step, steps, overall, overallSteps, losses, learningRate, gradientNorm, imagesPerSecond, seconds },
      share: work ? (work.before + step * work.step) / work.total : overall / overallSteps,
      ...(evaluation && { evaluation, trend }),
    });
  }

  /** Trained by the phases that end at a step. */
  private secondsBefore(step: number): number {
    if (this.before?.step !== step) {
      this.before = { step, seconds: this.history.entries.findLast((entry) => entry.step <= step)?.seconds ?? 0 };
    }
    return this.before.seconds;
  }

  /** Writes record and recipe into the folder. */
  async write(more: Partial<RunRecord> = {}): Promise<void> {
    this.recorded = true;
    this.record = { ...this.record, ...more, skipped: [...this.skipped.values()] };
    if (!this.writes) return;
    const { runDir, recipe, sources, remarks } = this.options;
    await writeRecipe(runDir, recipe, { replace: true, teacher: sources?.teacher, remarks });
    await writeRunRecord(runDir, this.record);
  }

  get isRecorded(): boolean {
    return this.recorded;
  }

  /** The images that could not be read, of all sittings. */
  get unreadable(): RunRecord['skipped'] {
    return [...this.skipped.values()];
  }

  async dispose(): Promise<void> {
    await Promise.all(this.held.map((thing) => thing.dispose()));
  }
}

/**
 * Works in a run folder: takes it for this process, keeps `run.json`, `recipe.yaml` and `history.jsonl` in it, and disposes
 * of what the work holds, however it ends.
 *
 * The record of a run that is there already is replaced once its state has been accepted, so that a refused recipe leaves
 * the folder as it was.
 *
 * Of several processes that train together (`engine.group`) the first alone has the folder; all end with the same result.
 *
 * @throws UserError where another process has the folder, or it cannot be written, or where processes that are to train together
 *   are not about to do the same; whatever the work throws
 */
export async function inRun<Recipe, Result extends RunResult>(
  identity: RunIdentity,
  options: RunOptions<Recipe>,
  work: (run: Run) => Promise<RunWork<Result>>,
): Promise<Result> {
  const { runDir, recipe, engine = {} } = options;
  const { group = single } = engine;
  if (group.size > 1) {
    await group.barrier(); // the first one may still have planned
    const { promptkd, 'onnxruntime-node': onnxruntime } = versions();
    const { library: mpi } = group;
    const code = codeFingerprint();
    const { device = 'cpu' } = engine;
    agree(group, { ...identity, recipe, device, versions: { promptkd, code, onnxruntime, mpi } });
  }
  const first = leads(group);
  if (first) await ensureFolder(runDir);
  const unlock = first ? await lockRun(runDir) : undefined;
  try {
    const before = first ? await readRunRecord(runDir) : undefined;
    const record = beginning(identity, options, before);
    const run = new Run(options, record);
    try {
      const same = before && isDeepStrictEqual(before.recipe, record.recipe);
      if (same || (run.history.entries.length === 0 && !before?.steps)) await run.accept();
      const { result, figures } = await work(run);
      const { finished, steps, seconds, imagesSeen } = result;
      await run.write({
        ...{ state: finished ? 'finished' : 'stopped', ended: now(), steps, seconds, images_seen: imagesSeen },
        ...(figures && { figures }),
      });
      sayUnreadable(run, options);
      await group.barrier(); // what others see of the run is whole
      return result;
    } catch (error) {
      // A disk that is full must not hide what happened.
      if (run.isRecorded) await run.write(failure(error, options.signal)).catch(() => {});
      throw error;
    } finally {
      await run.dispose();
    }
  } finally {
    await unlock?.();
  }
}

function beginning(
  { command, data }: RunIdentity,
  { recipe, runDir, engine = {}, sources = {}, invocation }: RunOptions<unknown>,
  before: RunRecord | undefined,
): RunRecord {
  return {
    ...{ version: 1, command, data, ...presentMachine(engine) },
    id: before?.id ?? randomUUID(),
    started: before?.started ?? now(),
    state: 'running',
    ...(invocation &&
      resolve(invocation.out) === resolve(runDir) && {
        invocation: { args: [...invocation.args], folder: invocation.folder },
      }),
    // As it will be read: without fields that are not set.
    recipe: JSON.parse(JSON.stringify(recipe)) as RunRecord['recipe'],
    models: Object.fromEntries(Object.entries(sources).map(([role, source]) => [role, { source }])),
    steps: before?.steps ?? 0,
    seconds: before?.seconds ?? 0,
    images_seen: before?.images_seen ?? 0,
    skipped: before?.skipped ?? [],
    figures: {},
  };
}

function failure(error: unknown, signal: AbortSignal | undefined): Partial<RunRecord> {
  if (signal?.aborted) return { state: 'stopped', ended: now() };
  return { state: 'failed', ended: now(), error: error instanceof Error ? error.message : String(error) };
}

function sayUnreadable(run: Run, { onMessage }: RunOptions<unknown>): void {
  const [first] = run.unreadable;
  if (!first) return;
  const count = run.unreadable.length;
  onMessage?.(
    `${count} ${count === 1 ? 'image' : 'images'} could not be read and others stood in for them, the first: ${first.reason}; run.json lists all`,
  );
}

const now = () => new Date().toISOString();
