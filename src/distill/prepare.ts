import { join } from 'node:path';
import { type DownloadOptions, isSiglip } from '../clip/index.js';
import { examplesOf, type ImageTextDataset, withSubset } from '../data/index.js';
import { UserError } from '../errors.js';
import { type Group, inTurns } from '../group/index.js';
import type { Shard } from '../jobs/index.js';
import type { LoaderOptions } from '../loader/index.js';
import { ranksFor } from '../model/index.js';
import { initPromptEncoder, promptConfig, trainingTemplates } from '../prompt/index.js';
import type { RunOptions } from '../train/index.js';
import type { Batches } from './batches/batches.js';
import { openBatches } from './batches/open-batches.js';
import { sharedTextLimit } from './batches/text-bank.js';
import { type DualStream, initHeads, splitSizes } from './dual-stream.js';
import { checkFrozenLayers } from './frozen-layers.js';
import { checkLosses } from './losses/check-losses.js';
import { activeLosses, storedStates } from './losses/index.js';
import { mapLayers } from './losses/layer-map.js';
import { checkPhasePatches, checkTargetGrid } from './phase-patches.js';
import { type Phase, phasesOf, stepsOf, withEpochSteps } from './phases.js';
import type { DistillRecipe } from './recipe.js';
import { withFactorisedTokens } from './student/factorised-tokens.js';
import { startStudent } from './student/student.js';
import { withTaskTokens } from './student/task-tokens.js';
import { type Teacher, type TeacherModel, teacherOf } from './teacher/teacher.js';
import { checkTeachers, lossesOf, sectionsOf } from './teachers/check-teachers.js';
import { type OpenedSeveral, openSeveral, type SeveralSource } from './teachers/open-several.js';
import { otherModels } from './teachers/other-models.js';
import { storeFolder } from './teachers/store-folder.js';
import { whiteningOf } from './teachers/whitening.js';

/** Options of `distill`. */
export interface DistillOptions extends RunOptions<DistillRecipe>, DownloadOptions {
  /** How images are read. */
  readonly loader?: LoaderOptions;
  readonly teacher: TeacherModel;
  /** Further teachers, in the order of the recipe's `teachers`, of which `teacher` is the first. */
  readonly others?: readonly TeacherModel[];
  readonly dataset: ImageTextDataset;
  /** Class templates that the teacher was trained with, where that is known. */
  readonly teacherTemplates?: readonly string[];
  /** Folder of the teacher's stored targets, shared by runs on the same data; left out: inside the run folder. */
  readonly targetsDir?: string;
  /** Replace stored targets that do not fit, instead of refusing them. */
  readonly rebuildTargets?: boolean;
}

/** All that training needs: models at their start, the teacher's stored targets, and the batches. */
export interface Prepared {
  readonly options: DistillOptions;
  readonly teacher: Teacher;
  /** All, the first too. */
  readonly teachers: readonly Teacher[];
  /** Of several teachers: what each is worth, and what they are made one by. */
  readonly fused?: Pick<OpenedSeveral, 'figures' | 'identity'>;
  readonly phases: readonly Phase[];
  readonly full: DualStream;
  /** Their stores are to be closed by the caller. */
  readonly batches: Batches;
  /** Whether all targets are stored; not where the signal stopped the extraction. */
  readonly complete: boolean;
}

/**
 * Checks recipe, teacher and data against one another, extracts the teacher's targets where they are not stored yet, and
 * starts the student.
 *
 * @param shard only this share of the targets is extracted
 * @throws UserError for a recipe that does not fit teacher or data
 */
export async function prepare(given: DistillOptions, shard?: Shard): Promise<Prepared> {
  const { onProgress } = given;
  const { data, seed } = given.recipe;
  const dataset = withSubset(given.dataset, data.split, data, seed);
  const recipe = withEpochSteps(withTemplates(given), examplesOf(dataset, data.split).length);
  const options = { ...given, dataset, recipe };
  const compile = { ...options.engine, precision: recipe.precision };
  const teacher = teacherOf(options.teacher, { compile });
  const teachers = [teacher, ...(options.others ?? []).map((one) => teacherOf(one, { compile }))];
  checkTeachers(recipe, teachers, dataset);
  const phases = phasesOf(recipe);
  const needs = new Set(phases.flatMap((phase) => [...activeLosses(recipe, phase.losses)]));
  checkLosses(recipe, needs, teacher);
  const whole = await startStudent(recipe, teacher, options);
  const cut = recipe.student.tokens === 'task' ? withTaskTokens(whole, recipe, dataset) : whole;
  const start = withFactorisedTokens(cut, recipe);
  checkLosses(recipe, needs, teacher, start.config);
  checkPhasePatches(phases, start.config.vision_config, teachers.length);
  checkFrozenLayers(phases, start.config);
  checkTargetGrid(recipe, phases, teachers);
  const pairs =
    teacher.inner && !isSiglip(start.config)
      ? mapLayers(
          recipe.losses.layers,
          start.config.vision_config.num_hidden_layers,
          teacher.config.vision_config.num_hidden_layers,
        )
      : [];
  const limit = sharedTextLimit(teacher.config, start.config, recipe.prompts.enabled ? recipe.prompts.n_ctx : 0);
  const prompted = recipe.method === 'promptkd' && recipe.prompts.enabled;
  const encoder = prompted ? promptConfig(recipe, start.config, limit) : undefined;
  const stream: Omit<DualStream, 'heads'> = {
    student: start.params,
    config: start.config,
    teacher: teacher.params,
    teacherConfig: teacher.config,
    prompt: encoder && { params: initPromptEncoder(encoder, recipe.seed), config: encoder },
    pairs,
    recipe,
  };
  const others = otherModels(recipe, teachers, start.config);
  const firstGives = lossesOf(sectionsOf(recipe, teachers.length)[0]!, 0, teacher.inner);
  const several = others.length > 0 ? { others, firstGives } : undefined;
  if (several && shard) {
    throw new UserError(
      '--shard: expected one teacher: extract the targets of several in one process, without --shard',
    );
  }
  const full: DualStream = { ...stream, heads: initHeads({ ...stream, several }, start.map) };

  // Told before the teacher's targets are extracted, which can take hours.
  ranksFor('student', start.config, options.engine, recipe.method === 'promptkd' ? splitSizes(full) : {});
  const targetsDir = options.targetsDir ?? join(options.runDir, 'targets');
  const halves = options.engine?.device !== 'webgpu'; // whose shaders need not have fp16
  const targets = {
    dir: targetsDir,
    rebuild: options.rebuildTargets,
    loader: options.loader,
    shard,
    signal: options.signal,
    onProgress: (step: number, steps: number) => onProgress?.({ phase: 'teacher targets', step, steps }),
    onTexts: (step: number, steps: number) => onProgress?.({ phase: 'teacher texts', step, steps }),
  };
  const ownNeeds = several ? new Set([...needs].filter((name) => firstGives.has(name))) : needs;
  const batches = await openBatches({
    teacher,
    dataset,
    recipe,
    student: { tokenizer: start.tokenizer, limit },
    inner: storedStates(ownNeeds, pairs, teacher.config),
    texts: { ...options, onTexts: (what, step, steps) => onProgress?.({ phase: `texts ${what}`, step, steps }) },
    group: options.engine?.group,
    halves,
    targets: several ? { ...targets, dir: storeFolder(targetsDir, teacher, recipe.teachers[0]?.model) } : targets,
  });
  const ready = { options, teacher, teachers, phases, full, batches };
  if (!batches.store.complete) return { ...ready, complete: false };
  try {
    const steps = stepsOf(phases) * recipe.accumulate;
    const opened = several
      ? await openInTurns({ teachers, others, dataset, recipe, batches, targets, steps, halves }, options.engine?.group)
      : undefined;
    if (several && !opened) return { ...ready, complete: false };
    full.several = opened?.stream;
    full.whitening = whiteningOf(recipe, batches);
    return { ...ready, complete: true, fused: opened };
  } catch (error) {
    batches.close();
    throw error;
  }
}

/** Further teachers, by the first of several processes first; undefined where it was stopped meanwhile, and its group with it. */
async function openInTurns(source: SeveralSource, group: Group | undefined): Promise<OpenedSeveral | undefined> {
  if (!group || group.size === 1) return openSeveral(source);
  const { signal } = source.targets;
  const open = async () => {
    try {
      return await openSeveral(source);
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return undefined;
      throw error;
    }
  };
  return inTurns(
    group,
    async (stopped) => (stopped ? undefined : open()),
    (made) => made !== undefined,
  );
}

/** The recipe with its class templates, which a recipe may leave to data and teacher. */
export function withTemplates({ recipe, dataset, teacherTemplates }: DistillOptions): DistillRecipe {
  const { templates: given, ...texts } = recipe.texts;
  const templates = [...trainingTemplates(given, dataset, teacherTemplates)];
  // In the schema's order: a recipe that names them has the same fingerprint.
  return { ...recipe, texts: { templates, ...texts } };
}
