import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { parseYaml, readJsonAs, readText } from '../files/index.js';
import { runModels } from '../model/index.js';
import { issueError } from '../schema-issue.js';

/** What a run left beside its model. */
export interface RunFiles {
  /** The recipe as run, YAML, and its file. */
  readonly recipe?: string;
  readonly recipeFile?: string;
  /** Folder or hub id of the teacher. */
  readonly teacher?: string;
  /** Folder of the teacher's stored targets, where they are there. */
  readonly targetsDir?: string;
  /** Name of the data set, as `--data` takes it. */
  readonly dataset?: string;
  /** What it was trained on. */
  readonly data?: { readonly dataset: string; readonly split: string };
  readonly metrics?: Readonly<Record<string, z.infer<typeof modelMetrics>>>;
}

const recorded = z.object({
  data: z.object({ dataset: z.string(), split: z.string() }).optional(),
  made_with: z.object({ teacher: z.string().optional() }).optional(),
});

const fraction = z.number().min(0).max(1);
const modelMetrics = z.object({
  params: z.number(),
  bytes: z.number(),
  top1: fraction,
  top1_interval: z.tuple([fraction, fraction]),
  top5: fraction,
  r1_image_to_text: fraction,
  r1_text_to_image: fraction,
  latency_ms: z.number(),
  images_seen: z.number(),
  train_seconds: z.number(),
  base: fraction.optional(),
  novel: fraction.optional(),
  harmonic: fraction.optional(),
});

/** The models of `metrics.json`; what else stands there is not for the card. */
const measured = z.object({ teacher: modelMetrics, kd: modelMetrics, promptkd: modelMetrics }).partial();

/**
 * The run that a model's folder belongs to: `recipe.yaml`, `metrics.json` and stored targets, beside it or, where it is the
 * `student/` or `model/` of a run's folder, in that.
 *
 * @throws UserError where one of the files is broken.
 */
export async function readRun(model: string): Promise<RunFiles> {
  const run = runModels.some((name) => name === basename(resolve(model))) ? dirname(resolve(model)) : model;
  const targets = join(run, 'targets');
  return {
    targetsDir: existsSync(targets) ? targets : undefined,
    ...(await readRecipe(join(run, 'recipe.yaml'))),
    ...(await readMetrics(join(run, 'metrics.json'))),
  };
}

async function readRecipe(file: string): Promise<Partial<RunFiles>> {
  if (!existsSync(file)) return {};
  const recipe = await readText(file);
  const tree = parseYaml(recipe, file);
  const parsed = recorded.safeParse(tree, { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, file);
  const { data, made_with: made } = parsed.data;
  // A folder was written as seen from the run's; anything else is a hub id.
  const local = made?.teacher === undefined ? undefined : join(dirname(file), made.teacher);
  return {
    recipe,
    recipeFile: file,
    teacher: local !== undefined && existsSync(local) ? local : made?.teacher,
    dataset: data?.dataset,
    data,
  };
}

async function readMetrics(file: string): Promise<Partial<RunFiles>> {
  if (!existsSync(file)) return {};
  return { metrics: await readJsonAs(file, measured) };
}
