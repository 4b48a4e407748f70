import { existsSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { splitVariant } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { readJson, writeFileAtomic } from '../../files/index.js';
import { classTemplate } from '../../prompt/index.js';
import { describeIssue, wholeSentence } from '../../schema-issue.js';
import { longestTimer } from '../timer.js';
import { checkThreshold, confidences } from './confidence.js';

const positive = z.number().positive('expected a number above 0');
const whole = z.int().nonnegative('expected a whole number of at least 0');
const ms = positive.max(longestTimer, `expected at most ${longestTimer} ms`);
const url = z
  .url({ protocol: /^https?$/, error: 'expected an address as https://host:8080', abort: true })
  .superRefine((text, context) => {
    const { username, password } = new URL(text);
    // Nor is it quoted.
    const message = 'expected no name and no password in it: a bearer key is read from the variable key_env';
    if (username || password) context.addIssue({ code: 'custom', message, params: wholeSentence });
  });
const templates = z.array(classTemplate).min(1, 'expected at least one').optional();
const gate = {
  name: z.string().min(1).optional(),
  temperature: positive.default(1),
  threshold: z.number().optional(),
  /** Of this stage, where its model does not say by which it was trained. */
  templates,
};
const localStage = z.strictObject({ ...gate, model: z.string().min(1) });
const remoteStage = z.strictObject({
  ...gate,
  url,
  /** Name of the model at the server there. */
  model: z.string().min(1).optional(),
  /** Environment variable that holds the bearer key: keys do not belong into files that are passed around. */
  key_env: z.string().min(1).optional(),
  timeout_ms: ms.optional(),
  retries: whole.optional(),
  backoff_ms: ms.optional(),
  break_after: z.int().positive('expected a whole number of at least 1').optional(),
  break_ms: ms.optional(),
});

const schema = z.strictObject({
  format: z.literal('promptkd-cascade'),
  version: z.literal(1),
  confidence: z.enum(confidences),
  /** Of all stages. */
  templates,
  stages: z.array(z.record(z.string(), z.unknown())).min(2, 'expected at least two'),
  /** How it was tuned. */
  report: z.unknown().optional(),
});

/** A stage of a cascade file: a model here, or one on another server. */
export type SavedStage = z.infer<typeof localStage> | z.infer<typeof remoteStage>;
/** What stands in a cascade file, checked. */
export type SavedCascade = Pick<z.infer<typeof schema>, 'confidence' | 'templates'> & {
  readonly stages: readonly SavedStage[];
};

/**
 * Reads a cascade that `promptkd cascade tune` wrote. Folders of models that start with a dot count from the file's
 * folder and come back absolute; anything else is an absolute path or a hub id. By hand, a stage may be a server:
 * `{ "url": "https://host:8080", "model": "teacher" }`, with `key_env`, `timeout_ms`, `retries`, `backoff_ms`,
 * `break_after` and `break_ms` where the defaults do not fit.
 *
 * @throws UserError naming the file and the field
 */
export async function readCascade(file: string): Promise<SavedCascade> {
  const { confidence, templates, stages: given } = checked(schema, await readJson(file), file);
  const stages = given.map((stage, s): SavedStage => {
    const path = ['stages', s];
    return 'url' in stage ? checked(remoteStage, stage, file, path) : checked(localStage, stage, file, path);
  });
  for (const [s, { threshold }] of stages.slice(0, -1).entries()) {
    const field = `${file}: stages.${s}.threshold`;
    if (threshold === undefined) throw new UserError(`${field}: expected a number, got nothing`);
    checkThreshold(threshold, confidence, field);
  }
  const { threshold: last } = stages.at(-1)!;
  if (last !== undefined) {
    const field = `stages.${stages.length - 1}.threshold`;
    throw new UserError(`${file}: ${field}: expected none, as the last stage answers whatever reaches it, got ${last}`);
  }
  const folder = dirname(file);
  const absolute = (stage: SavedStage): SavedStage =>
    'url' in stage || !stage.model.startsWith('.') ? stage : { ...stage, model: resolve(folder, stage.model) };
  return { confidence, templates, stages: stages.map(absolute) };
}

function checked<S extends z.ZodObject>(
  schema: S,
  value: unknown,
  file: string,
  parent: PropertyKey[] = [],
): z.infer<S> {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const known = Object.keys(schema.shape);
  throw new UserError(`${file}: ${describeIssue({ ...issue, path: [...parent, ...issue.path] }, known)}`);
}

/**
 * Writes a cascade for `promptkd serve`, folders of models as seen from the file.
 *
 * @param report how it was tuned, kept in the file for its reader
 * @throws UserError for an unknown DTYPE behind a model's name, or a file that cannot be written
 */
export async function writeCascade(
  file: string,
  { confidence, templates, stages }: SavedCascade,
  report?: unknown,
): Promise<void> {
  const folder = dirname(resolve(file));
  const near = (name: string) => {
    const { model, dtype } = splitVariant(name);
    if (!existsSync(model)) return name;
    const path = relative(folder, resolve(model));
    const seen = isAbsolute(path) ? path : `./${path.split(sep).join('/')}`;
    return dtype === undefined ? seen : `${seen}#${dtype}`;
  };
  const content = {
    format: 'promptkd-cascade',
    version: 1,
    confidence,
    templates,
    stages: stages.map((stage) => ('url' in stage ? stage : { ...stage, model: near(stage.model) })),
    report,
  };
  await writeFileAtomic(file, `${JSON.stringify(content, undefined, 2)}\n`);
}
