import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { writeFileAtomic } from '../files/index.js';
import { describeIssue } from '../schema-issue.js';

const schema = z.object({ images_seen: z.int().min(0), train_seconds: z.number().min(0) });

/** What a model's training took, over everything it was trained further from. */
export type TrainingRecord = z.infer<typeof schema>;

const file = 'training.json';

/** Writes `training.json` beside a checkpoint. */
export async function writeTrainingRecord(folder: string, record: TrainingRecord): Promise<void> {
  await writeFileAtomic(join(folder, file), `${JSON.stringify(record, null, 2)}\n`);
}

/**
 * Reads `training.json` of a checkpoint folder; undefined for a model from elsewhere.
 *
 * @throws UserError where it is not what was written
 */
export function readTrainingRecord(folder: string): TrainingRecord | undefined {
  const path = join(folder, file);
  if (!existsSync(path)) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw new UserError(`${path}: expected JSON; delete it or restore it`);
  }
  const parsed = schema.safeParse(json, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new UserError(`${path}: ${describeIssue(parsed.error.issues[0]!)}; delete the file or restore it`);
}
