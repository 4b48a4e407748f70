import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { BusyError, UserError } from '../errors.js';
import {
  checksum,
  encodeSafetensors,
  ensureFolder,
  lock,
  lockHolder,
  readJsonAsSync,
  writeFileAtomic,
} from '../files/index.js';
import { loadTowerModel, modelFingerprint, saveModel } from '../model/index.js';
import type { Params } from '../nn/index.js';
import { type Bank, routings } from './bank.js';
import { checkOneShape } from './change-bank.js';
import { checkAnchorFits, checkSharedFits, checkTaskFits } from './check-bank.js';
import { readWhole } from './read-whole.js';
import { anchorOf, anchorTensors, readTask, taskName, writeTask } from './task-folder.js';

const list = 'bank.json';
const frozenFolder = 'frozen';
const tasksFolder = 'tasks';

const sumNamed = (kind: string) => z.string().regex(new RegExp(`^${kind}-[0-9a-f]{64}\\.safetensors$`));

const schema = z.object({
  version: z.literal(1),
  /** Fingerprint of the frozen student. */
  frozen: z.string(),
  method: z.string(),
  routing: z.enum(routings),
  templates: z.array(z.string()).min(1),
  tasks: z
    .array(taskName)
    .refine((names) => new Set(names).size === names.length, { error: 'expected each task once' }),
  /** File of what tasks share, and of the anchor of it: named by their checksums, so that no state is half of two. */
  shared: sumNamed('shared').optional(),
  anchor: sumNamed('anchor').optional(),
  lambda: z.number().nonnegative().optional(),
});
type BankList = z.infer<typeof schema>;

/** Whether a folder is a bank. */
export const isBank = (folder: string): boolean => existsSync(join(folder, list));

function readList(folder: string): BankList {
  const file = join(folder, list);
  if (!existsSync(file)) {
    throw new UserError(
      `${folder}: expected a prompt memory bank, a folder with ${list}; found none: promptkd continue begins one`,
    );
  }
  return readJsonAsSync(file, schema);
}

/**
 * Reads a bank: the frozen student, and every task that its list names. Folders of tasks that the list does not name were
 * never finished, and are not looked at.
 *
 * @throws UserError where it is none, a part is missing or was changed, or its student is another than it was made with
 */
export async function readBank(folder: string): Promise<Bank> {
  const { frozen: expected, shared, anchor, tasks, method, routing, templates, lambda } = readList(folder);
  const student = join(folder, frozenFolder);
  const frozen = await loadTowerModel(student, 'a bank');
  const got = modelFingerprint(frozen);
  if (got !== expected) {
    throw new UserError(
      `${student}: expected the student that the bank was made with (${expected}), got another one (${got}): its prompts and keys fit no other; copy the student back`,
    );
  }
  const tensorsOf = (file: string | undefined): Params =>
    file === undefined ? {} : readWhole(join(folder, file), file.replace(/^.*-|\.safetensors$/g, '')).tensors;
  const place = join(folder, tasksFolder);
  const bank = {
    ...{ frozen, method, routing, templates, lambda },
    tasks: tasks.map((name) => readTask(place, name)),
    shared: tensorsOf(shared),
    anchor: anchorOf(tensorsOf(anchor)),
  };
  for (const task of bank.tasks) {
    checkTaskFits(task, bank, join(place, task.name));
    if (task.anchor) checkAnchorFits(task.anchor, frozen, join(place, task.name));
  }
  if (routing === 'nearest') checkOneShape(bank.tasks);
  checkSharedFits(bank.shared, frozen, folder);
  if (bank.anchor) checkAnchorFits(bank.anchor, frozen, folder);
  return bank;
}

/**
 * Has a bank to this process while it reads and changes it: what another one learns meanwhile would be lost.
 *
 * @throws BusyError naming the process that changes it
 */
export async function changingBank<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  const path = join(folder, 'bank.lock');
  const held = await lock(path, { wait: false });
  if (!held) {
    const holder = await lockHolder(path);
    throw new BusyError(
      `${folder}: the bank is being changed by ${holder ? `process ${holder.pid}` : 'another process'}: wait for it, or stop it`,
    );
  }
  try {
    return await work();
  } finally {
    await held.release();
  }
}

/**
 * Writes a bank, or brings a folder to a later state of it: tasks that stand there already are left as they are, to the
 * byte. The list is written last: until then readers see the earlier state, whenever a process is killed.
 *
 * @throws UserError where it cannot be written, or another bank stands there
 */
export async function saveBank(folder: string, bank: Bank): Promise<void> {
  const { frozen, method, routing, templates, tasks, shared, anchor, lambda } = bank;
  await ensureFolder(folder);
  const fingerprint = modelFingerprint(frozen);
  const before = isBank(folder) ? readList(folder) : undefined;
  if (before && before.frozen !== fingerprint) {
    throw new UserError(`${folder}: expected a bank of the same student, or none: choose another folder`);
  }
  if (!before) await saveModel(join(folder, frozenFolder), frozen);
  for (const task of tasks) {
    if (!before?.tasks.includes(task.name)) await writeTask(join(folder, tasksFolder), task);
  }
  const put = async (kind: string, tensors: Params | undefined) => {
    if (!tensors || Object.keys(tensors).length === 0) return undefined;
    const bytes = Buffer.concat([...encodeSafetensors(tensors)]);
    const file = `${kind}-${checksum(bytes)}.safetensors`;
    if (!existsSync(join(folder, file))) await writeFileAtomic(join(folder, file), bytes);
    return file;
  };
  const now: BankList = {
    version: 1,
    ...{ frozen: fingerprint, method, routing, templates: [...templates] },
    tasks: tasks.map(({ name }) => name),
    shared: await put('shared', shared),
    anchor: await put('anchor', anchor && anchorTensors(anchor)),
    lambda,
  };
  await writeFileAtomic(join(folder, list), `${JSON.stringify(now, null, 2)}\n`);
  await removeUnlisted(folder, now);
}

/** Removes what the list does not name any more. */
async function removeUnlisted(folder: string, { tasks, shared, anchor }: BankList): Promise<void> {
  for (const name of await readdir(join(folder, tasksFolder)).catch(() => [])) {
    if (!name.startsWith('.') && !tasks.includes(name)) {
      await rm(join(folder, tasksFolder, name), { recursive: true, force: true });
    }
  }
  for (const name of await readdir(folder)) {
    if (/^(shared|anchor)-[0-9a-f]{64}\.safetensors$/.test(name) && name !== shared && name !== anchor) {
      await rm(join(folder, name), { force: true });
    }
  }
}

/** Bytes of a task's folder on disk. */
export const taskFolder = (folder: string, name: string): string => join(folder, tasksFolder, name);
