import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { ensureFolder, readJson, writeFileAtomic } from '../files/index.js';
import { issueError } from '../schema-issue.js';
import type { Rounds } from '../train/index.js';

const planSchema = z.object({
  version: z.literal(1),
  /** Arguments of `promptkd`. */
  call: z.array(z.string()).min(1),
  replicas: z.int().positive().max(9999),
  /** Steps of a replica in a round. */
  local_steps: z.int().positive(),
  /** The outer optimizer, SGD with Nesterov momentum. */
  outer: z.object({ lr: z.number().positive(), momentum: z.number().min(0).lt(1) }),
});

/** What is trained in rounds, and how. */
export type RoundsPlan = Omit<z.infer<typeof planSchema>, 'version'>;

/** Commands whose runs are trained in rounds. */
const trainings = ['distill', 'pretrain', 'tune-prompts'];
const ownFlags = ['--out', '--json', '--plan', '--rounds', '--share'];

const planFile = (folder: string) => join(folder, 'rounds.json');

/** Makes a folder of rounds, or goes on with one. @throws UserError where it holds others, or the call is none that can be trained so */
export async function createRounds(folder: string, plan: RoundsPlan): Promise<void> {
  const [name = ''] = plan.call;
  if (!trainings.includes(name))
    throw new UserError(`expected one of ${trainings.join(', ')} behind --, got ${name.slice(0, 40) || 'nothing'}`);
  const own = ownFlags.find((flag) => plan.call.some((word) => word === flag || word.startsWith(`${flag}=`)));
  if (own) throw new UserError(`${own} is given by diloco itself: leave it out behind --`);
  const wanted = { version: 1 as const, ...plan };
  if (!existsSync(planFile(folder))) {
    await ensureFolder(folder);
    await writeFileAtomic(planFile(folder), `${JSON.stringify(wanted, null, 1)}\n`);
    return;
  }
  const there = await readPlan(folder);
  const field = (Object.keys(wanted) as (keyof typeof wanted)[]).find(
    (key) => !isDeepStrictEqual(there[key], wanted[key]),
  );
  if (field === undefined) return;
  throw new UserError(
    `${planFile(folder)}: holds other rounds (${field} was ${JSON.stringify(there[field]).slice(0, 100)}, is ${JSON.stringify(wanted[field]).slice(0, 100)}): give another folder, or delete this one`,
  );
}

/**
 * Reads what is trained in the rounds of a folder, and how.
 *
 * @throws UserError where a folder holds no rounds
 */
export async function readPlan(folder: string): Promise<z.infer<typeof planSchema>> {
  const path = planFile(folder);
  if (!existsSync(path)) throw new UserError(`${path}: no such file: rounds are made by promptkd diloco run`);
  const parsed = planSchema.safeParse(await readJson(path), { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, path);
  return parsed.data;
}

/**
 * What a training is told that is a replica's share of a round, or that reads what was found.
 *
 * @param share `ROUND:REPLICA`
 * @throws UserError where a folder holds no rounds, or no such replica
 */
export async function openRounds(folder: string, share?: string): Promise<Rounds> {
  const { replicas, local_steps: localSteps } = await readPlan(folder);
  const rounds = { folder: resolve(folder), replicas, localSteps };
  if (share === undefined) return rounds;
  const [, round, replica] = /^(\d{1,5}):(\d{1,4})$/.exec(share) ?? [];
  if (!(Number(round) >= 1 && Number(replica) >= 1 && Number(replica) <= replicas))
    throw new UserError(
      `--share: expected ROUND:REPLICA, the replica from 1 to ${replicas}, got ${share.slice(0, 40)}`,
    );
  return { ...rounds, share: { round: Number(round), replica: Number(replica) } };
}
