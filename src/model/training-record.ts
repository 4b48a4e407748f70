import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { parseJson, readTextSync, writeFileAtomic } from '../files/index.js';
import { classTemplate } from '../prompt/index.js';
import { describeIssue } from '../schema-issue.js';

const schema = z.object({
  images_seen: z.int().min(0),
  train_seconds: z.number().min(0),
  /** Class templates that it was trained with, and their weights where they do not weigh alike. */
  templates: z.array(classTemplate).min(1).optional(),
  weights: z.array(z.number().positive()).optional(),
});

/** What a model's training took, over everything it was trained further from, and the texts of its classes. */
export type TrainingRecord = z.infer<typeof schema>;

export const trainingFile = 'training.json';

/** Writes `training.json` beside a checkpoint. @returns the file's name */
export async function writeTrainingRecord(folder: string, record: TrainingRecord): Promise<string> {
  await writeFileAtomic(join(folder, trainingFile), `${JSON.stringify(record, null, 2)}\n`);
  return trainingFile;
}

/**
 * Reads `training.json` of a checkpoint folder; undefined for a model from elsewhere.
 *
 * @throws UserError where it is not what was written
 */
export function readTrainingRecord(folder: string): TrainingRecord | undefined {
  const path = join(folder, trainingFile);
  if (!existsSync(path)) return undefined;
  const parsed = schema.safeParse(parseJson(readTextSync(path), path), { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new UserError(`${path}: ${describeIssue(parsed.error.issues[0]!)}; delete the file or restore it`);
}
