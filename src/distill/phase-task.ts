import type { CompileOptions } from '../runtime/index.js';
import type { Task } from '../train/index.js';
import type { Batches } from './batches/batches.js';
import type { DualStream } from './dual-stream.js';
import { dualStreamTask } from './dual-stream-task.js';
import { logitsKdTask } from './logits-kd.js';
import type { Phase } from './phases.js';

/** What a phase's steps train, by the recipe's method. */
export function phaseTask(full: DualStream, batches: Batches, phase: Phase, compile?: CompileOptions): Task {
  const { recipe } = full;
  return recipe.method === 'kd'
    ? logitsKdTask(full.student, full.config, full.teacher, batches, recipe, compile, full.several)
    : dualStreamTask(full, batches, phase, compile);
}
