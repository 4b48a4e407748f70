import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bytesIn } from '../files/index.js';
import { statePath } from '../train/index.js';
import type { FoundRun } from './find-runs.js';

/** Something of a run that may be deleted. */
export interface Deletable {
  readonly run: string;
  readonly path: string;
  readonly what: string;
  readonly bytes: number;
}

/**
 * What may be deleted without a loss: of finished runs the states to go on from, and the stored teacher targets, which can be
 * made again. Targets that a run uses which has not finished stay.
 *
 * @param runs all that could use one another's targets
 */
export function deletableOf(runs: readonly FoundRun[]): Deletable[] {
  const open = runs.filter(({ record }) => record.state !== 'finished');
  const used = new Set(
    open.flatMap(({ folder, record: { invocation } }) => {
      const flag = invocation?.args.indexOf('--targets') ?? -1;
      const given = flag < 0 ? undefined : invocation?.args[flag + 1];
      return [
        resolve(folder, 'targets'),
        ...(invocation && given !== undefined ? [resolve(invocation.folder, given)] : []),
      ];
    }),
  );
  // A run inside of one that goes on is a part of it.
  const isPart = ({ folder }: FoundRun) =>
    open.some((other) => resolve(folder).startsWith(`${resolve(other.folder)}/`));
  return runs
    .filter((run) => run.record.state === 'finished' && !isPart(run))
    .flatMap((run) => {
      const phases = readdirSync(run.folder).filter((name) => name.startsWith('phase-'));
      const states = [...phases.map((name) => statePath(join(run.folder, name))), statePath(run.folder)];
      const targets = join(run.folder, 'targets');
      const found = [
        ...states.map((path) => ({ path, what: 'state of a finished run' })),
        ...(used.has(resolve(targets)) ? [] : [{ path: targets, what: 'stored teacher targets' }]),
      ];
      return found
        .filter(({ path }) => existsSync(path))
        .map(({ path, what }) => ({ run: run.name, path, what, bytes: bytesIn(path) }));
    });
}

/** Deletes what {@link deletableOf} found. */
export function deleteAll(found: readonly Deletable[]): void {
  for (const { path } of found) rmSync(path, { recursive: true, force: true });
}
