import { join } from 'node:path';
import { cacheFolder } from '../../../data/index.js';
import { UserError } from '../../../errors.js';
import { leads } from '../../../group/index.js';
import { modelFingerprint, type TowerModel, textLimit } from '../../../model/index.js';
import { copyParams, type Params } from '../../../nn/index.js';
import {
  adamw,
  engineOptions,
  inRun,
  type PlacedEvaluation,
  type Run,
  type RunEvaluation,
  type RunOptions,
  type RunResult,
  train,
  Validation,
  warmupCosine,
} from '../../../train/index.js';
import { HeadRunner } from '../answer-questions.js';
import type { VqaDataset } from '../data/question.js';
import { VqaFeatures } from '../features.js';
import { headSize, initHead } from '../head/head.js';
import type { HeadConfig } from '../head/head-config.js';
import { answerRows, checkHeadModel, saveVqaHead, type VqaHead } from '../head/vqa-head.js';
import { vqaAccuracy } from '../metric/accuracy.js';
import { questionsOf } from '../questions-of.js';
import { type Vocabulary, vocabularyOf } from '../vocabulary.js';
import { TeacherAnswers } from './teacher-answers.js';
import type { VqaRecipe } from './vqa-recipe.js';
import { vqaTask } from './vqa-task.js';

/** Options of {@link trainVqa}. */
export interface TrainVqaOptions extends RunOptions<VqaRecipe> {
  /** Frozen; the head stands on it. */
  readonly model: TowerModel;
  readonly data: VqaDataset;
  /** The same head on a larger model, whose answers and maps are imitated. */
  readonly teacher?: { readonly model: TowerModel; readonly head: VqaHead };
}

/** Its folder is that of the head. */
export interface TrainVqaResult extends RunResult {
  readonly answers: number;
  /** Questions that are learned from. */
  readonly questions: number;
  /** Questions that are not: none of their answers is learned, or their image cannot be read. */
  readonly outside: number;
  readonly unreadable: number;
  readonly parameters: number;
  readonly evaluation?: RunEvaluation;
  readonly best?: PlacedEvaluation & { readonly folder: string };
}

const phase = 'vqa';

/** Most parameters of a head: what a telephone should carry beside the model. */
const mostParameters = 5_000_000;

/**
 * Trains a head that answers questions on a frozen model, from human answers, and from a teacher's head where one is given.
 *
 * Writes `head/` and `best/` into `runDir`, beside what every run has.
 *
 * @throws UserError for data without answers, a teacher's head of another model or other answers, a head of more than five
 *   million parameters, or a run folder that holds another run or is in use
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('promptkd:emoji-student', 'vqa');
 * const data = await openVqa('emoji-vqa');
 * const { folder } = await trainVqa({ model, data, recipe: vqaRecipe.parse({ steps: 500 }), runDir: 'runs/vqa' });
 */
export async function trainVqa(options: TrainVqaOptions): Promise<TrainVqaResult> {
  const { data, model, teacher } = options;
  if (teacher) checkHeadModel(teacher.head, teacher.model, "teacher's head");
  const { name, fingerprint } = data;
  return inRun({ command: 'vqa', data: { name, fingerprint } }, options, async (run) => {
    run.identify('model', modelFingerprint(model));
    if (teacher) run.identify('teacher', modelFingerprint(teacher.model));
    const result = await trainIn(run, options);
    const { answers, questions, outside, parameters, evaluation, best } = result;
    return { result, figures: { answers, questions, outside, parameters, evaluation, best } };
  });
}

function configOf(recipe: VqaRecipe, model: TowerModel, features: VqaFeatures, layer: number): HeadConfig {
  const { width, layers, heads, intermediate_size } = recipe.head;
  if (width % heads !== 0) throw new UserError(`head.width: expected a multiple of head.heads, ${heads}, got ${width}`);
  const [, patches, visionWidth] = features.patches.shape as [number, number, number];
  const [, , textWidth] = features.words.shape as [number, number, number];
  return {
    ...{ kind: 'vqa-head', version: 1, width, layers, heads, intermediate_size, patches, blind: recipe.blind },
    ...{ vision_layer: layer, vision_width: visionWidth, text_width: textWidth, text_tokens: textLimit(model) },
    model: modelFingerprint(model),
  };
}

async function freshHead(config: HeadConfig, vocabulary: Vocabulary, options: TrainVqaOptions): Promise<VqaHead> {
  const { answers, frequency } = vocabulary;
  const parameters = headSize(config) + answers.length;
  if (parameters > mostParameters) {
    throw new UserError(
      `head: expected at most ${mostParameters} parameters, got ${parameters}: lower head.width or head.intermediate_size`,
    );
  }
  const params = initHead(config, options.recipe.seed);
  const rows = await answerRows(options.model, answers, options.engine?.threads);
  // As often as the answer is right: nothing need be learned for that.
  const bias = Float32Array.from(frequency, (share) => Math.log(share / Math.max(1e-6, 1 - share)));
  return { config, params, answers, ...rows, bias: { shape: [answers.length], data: bias } };
}

async function trainIn(run: Run, options: TrainVqaOptions): Promise<TrainVqaResult> {
  const { model, data, teacher, recipe, runDir, signal, onProgress, onMessage } = options;
  const { evaluation, steps, batch } = recipe;
  const { device, threads, group } = options.engine ?? {};
  const asked = questionsOf(data, recipe.data.split, recipe.data.questions, recipe.seed);
  const measured = evaluation.every > 0 && Object.hasOwn(data.splits, evaluation.split);
  if (evaluation.every > 0 && !measured)
    onMessage?.(`${data.name} has no split ${evaluation.split}: the run does not measure itself`);
  const held = measured ? questionsOf(data, evaluation.split, evaluation.questions) : [];
  const depth = model.config.vision_config.num_hidden_layers;
  const featured = (of: TowerModel, layer: number) =>
    VqaFeatures.of(of, data, [...asked, ...held], layer, {
      ...{ device, threads, signal, cache: join(cacheFolder(), 'vqa') },
      onProgress: (what, step, of) => void onProgress?.({ phase: `features of ${what}`, step, steps: of }),
    });
  const layer = recipe.head.vision_layer ?? Math.max(1, depth - 1);
  const features = await featured(model, layer);
  run.skip(features.skipped);
  const readable = asked.filter((question) => features.has(question));
  const vocabulary = vocabularyOf(readable, { leastCount: recipe.answers.min_count, most: recipe.answers.most });
  const { samples, answers, outside } = vocabulary;
  const head = await freshHead(configOf(recipe, model, features, layer), vocabulary, options);
  const taught =
    teacher &&
    (await TeacherAnswers.of(
      ...([teacher.head, await featured(teacher.model, teacher.head.config.vision_layer), features] as const),
      ...([samples, answers] as const),
      {
        device,
        threads,
        signal,
        onProgress: (step, of) => void onProgress?.({ phase: 'teacher’s answers', step, steps: of }),
      },
    ));
  const task = vqaTask(head, features, samples, taught, recipe);
  const validation = new Validation(run.history, phase, evaluation.patience);
  const ready = held.filter((question) => features.has(question));
  const headOf = (averaged: Params): VqaHead => ({
    ...head,
    params: Object.fromEntries(
      Object.entries(averaged).flatMap(([name, value]) => (name.startsWith('head/') ? [[name.slice(5), value]] : [])),
    ),
    bias: averaged['answers.bias'] as VqaHead['bias'],
  });
  const measure = async (averaged: Params, step: number): Promise<RunEvaluation> => {
    const now = headOf(copyParams(averaged));
    const runner = await HeadRunner.open(now, features, { device, threads });
    try {
      const given = await runner.answers(ready, answers, signal);
      const { overall } = vqaAccuracy(ready.map((question, i) => ({ ...question, given: given[i]! })));
      const found = { split: evaluation.split, images: ready.length, top1: overall / 100 };
      if (leads(group) && validation.note(found, step)) await saveVqaHead(join(runDir, 'best'), now);
      return found;
    } finally {
      await runner.dispose();
    }
  };
  const { evaluation: _, checkpoint_every: __, ...decisive } = recipe;
  const identity = {
    recipe: decisive,
    data: data.fingerprint,
    model: head.config.model,
    teacher: teacher?.head.config,
  };
  let last: RunEvaluation | undefined;
  const { finished, step, seconds, averaged } = await train(task, {
    ...engineOptions(recipe, options.engine),
    ...{ steps, runDir, signal, clipNorm: 1 },
    optimizer: adamw(task.params, { weightDecay: recipe.weight_decay }),
    learningRate: warmupCosine({ peak: recipe.lr, steps, warmupSteps: recipe.warmup_steps }),
    checkpointEvery: recipe.checkpoint_every,
    lookEvery: measured ? evaluation.every : undefined,
    endsAfter: (at) => validation.isExhausted(at),
    fingerprint: JSON.stringify(identity),
    onStep: async (event) => {
      const due = measured && (event.step % evaluation.every === 0 || event.step === steps);
      if (due) last = await measure(await event.averaged(), event.step);
      await run.step({ phase, firstStep: 0, overallSteps: steps }, event, due ? last : undefined);
    },
  });
  const folder = join(runDir, 'head');
  if (finished && leads(group)) await saveVqaHead(folder, headOf(averaged));
  const best = validation.best(step);
  return {
    ...{ folder, finished, steps: step, seconds, imagesSeen: step * batch * recipe.accumulate },
    ...{ answers: answers.length, questions: samples.length, outside, unreadable: asked.length - readable.length },
    parameters: headSize(head.config) + answers.length,
    ...(last && { evaluation: last }),
    ...(best && { best: { ...best, folder: join(runDir, 'best') } }),
  };
}
