import { totalmem } from 'node:os';
import { checkRoom, freeBytes, type RunPlan } from '../train/index.js';
import { Interrupted } from './failure.js';
import { type CommonOptions, printResult } from './options.js';
import { largePlan, planJson, planLines } from './output/plan.js';
import { confirm } from './terminal/confirm.js';
import type { Progress } from './terminal/progress.js';
import { wordWrap } from './terminal/word-wrap.js';

export interface PlanOptions {
  /** Print the plan alone. */
  readonly plan?: boolean;
  /** Ask nothing. */
  readonly yes?: boolean;
}

/**
 * Prints a plan before its run, refuses it where the disk is too small, and on a terminal asks where it is large.
 *
 * @throws UserError where files do not fit; Interrupted where the answer is no
 */
export async function showPlan(
  plan: RunPlan,
  remarks: readonly string[],
  options: CommonOptions & PlanOptions & { readonly out: string },
  progress: Progress,
): Promise<void> {
  const [free, memory] = [await freeBytes(options.out), totalmem()];
  const lines = [...planLines(plan, free, memory), ...remarks.map((remark) => `chosen     ${remark}`)];
  if (options.plan) {
    progress.stop();
    printResult(options, { ...planJson(plan, free), chosen: remarks }, () =>
      lines.flatMap((line) => wordWrap(line, process.stdout.columns || 80)).join('\n'),
    );
    await checkRoom(plan);
    return;
  }
  for (const line of lines) progress.log(line);
  await checkRoom(plan);
  const large = largePlan(plan, memory);
  if (!large || options.yes || options.quiet || !process.stdin.isTTY || !process.stderr.isTTY) return;
  progress.stop();
  if (!(await confirm(`This takes ${large}. Go on?`)))
    throw new Interrupted('nothing was begun; with --yes nothing is asked');
}
