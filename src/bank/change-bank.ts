import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../errors.js';
import { modelFingerprint } from '../model/index.js';
import { type Bank, type BankTask, isRouted } from './bank.js';

/** @throws UserError where the bank has a task of this name */
export function checkNewTask({ tasks }: Pick<Bank, 'tasks'>, name: string): void {
  if (!tasks.some((task) => task.name === name)) return;
  throw new UserError(
    `task: the bank has a task "${name}" already; give this one another name with --task, or forget that one first`,
  );
}

/**
 * The tasks of both banks, those of the first one first.
 *
 * @throws UserError where they are of different students, two tasks have one name, or their tasks cannot stand side by side
 */
export function mergeBanks(first: Bank, second: Bank): Bank {
  const [a, b] = [first, second].map(({ frozen }) => modelFingerprint(frozen));
  if (a !== b) {
    throw new UserError(
      `merge: expected banks of one student, got two (${a} and ${b}): prompts and keys of one fit no other`,
    );
  }
  for (const field of ['method', 'routing'] as const) {
    if (first[field] !== second[field]) {
      throw new UserError(
        `merge: ${field}: expected ${first[field]} in both banks, got ${second[field]} in the second`,
      );
    }
  }
  if (!isDeepStrictEqual(first.templates, second.templates)) {
    throw new UserError('merge: expected the same templates of class texts in both banks');
  }
  if (!isDeepStrictEqual(first.shared, second.shared)) {
    throw new UserError(
      `merge: the banks' tasks share weights that each bank has trained on its own (method ${first.method}): only banks with prompts alone can be merged`,
    );
  }
  for (const { name } of second.tasks) {
    if (first.tasks.some((task) => task.name === name)) {
      throw new UserError(
        `merge: both banks have a task "${name}": forget one of them, or learn it under another name`,
      );
    }
  }
  const tasks = [...first.tasks, ...second.tasks];
  checkOneShape(tasks);
  return { ...first, tasks };
}

/** @throws UserError where tasks have prompts of different shapes: one graph routes between all of them */
export function checkOneShape(tasks: readonly BankTask[]): void {
  const shapeOf = ({ prompts }: BankTask) =>
    Object.entries(prompts)
      .map(([name, { shape }]) => `${name} [${shape.join(', ')}]`)
      .sort()
      .join(', ');
  const [first] = tasks;
  const other = tasks.find((task) => shapeOf(task) !== shapeOf(first!));
  if (!other) return;
  throw new UserError(
    `prompts: expected those of all tasks in one shape, got ${shapeOf(first!)} of "${first!.name}" and ${shapeOf(other)} of "${other.name}"`,
  );
}

/** What stays of a bank without a task; the others are left bit for bit. */
export interface Forgotten {
  readonly bank: Bank;
  /** Whether weights that the task helped to train stay as they are: they cannot be taken back. */
  readonly sharedStays: boolean;
}

/**
 * A bank without one of its tasks; the bank given stays as it is.
 *
 * @throws UserError where there is no such task
 */
export function forgetTask(bank: Bank, name: string): Forgotten {
  const tasks = bank.tasks.filter((task) => task.name !== name);
  if (tasks.length === bank.tasks.length) {
    throw new UserError(
      `task: the bank has no "${name}"; it has ${bank.tasks.map((task) => task.name).join(', ') || 'none'}`,
    );
  }
  if (bank.routing === 'mixture' && isRouted(bank)) {
    throw new UserError(
      'task: the prompts of all tasks are mixed in this bank (routing mixture): without one of them the others answer otherwise; only a bank with nearest routing can forget a task',
    );
  }
  return { bank: { ...bank, tasks }, sharedStays: Object.keys(bank.shared).length > 0 };
}
