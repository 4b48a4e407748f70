import { join } from 'node:path';
import type { Skipped } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { hashParams } from '../../files/index.js';
import { leads, single } from '../../group/index.js';
import { modelFingerprint, type TowerModel } from '../../model/index.js';
import type { Params } from '../../nn/index.js';
import {
  adamw,
  engineOptions,
  inRun,
  type Run,
  type RunOptions,
  type RunResult,
  takeValues,
  train,
  warmupCosine,
} from '../../train/index.js';
import type { DefectDataset, Product } from './data/defect-data.js';
import { productOf } from './data/open.js';
import type { DefectsRecipe } from './defects-recipe.js';
import type { Detector, Learned, View } from './detector.js';
import { saveDetector } from './detector-folder.js';
import { calibrated, type FitOptions, fitDetector, soundImages } from './fit.js';
import { adaptersOf, initPrompts, readStates } from './learned-prompts.js';
import { tunedImages } from './tuned-images.js';
import { tunedTask } from './tuned-task.js';

/** Options of {@link fitDefects}. */
export interface FitDefectsOptions extends RunOptions<DefectsRecipe> {
  /** Frozen. */
  readonly model: TowerModel;
  readonly dataset: DefectDataset;
  /** Of `tuned`: images of other products. */
  readonly others?: DefectDataset;
  /** Of `tuned`: a detector whose maps are learned from instead of masks. */
  readonly teacher?: Detector;
  /** Of `tuned`: a detector whose prompts are taken as they are, fitted to another product; nothing is trained. */
  readonly prompts?: Detector;
}

/** Its folder is a detector, see `loadDetector`. */
export interface FitDefectsResult extends RunResult {
  readonly detector?: Detector;
  readonly skipped: readonly Skipped[];
}

/** How images are looked at where the recipe does not say. */
export function viewOf({ side, overlap, layers }: DefectsRecipe, { config }: TowerModel): View {
  const { image_size: size, num_hidden_layers: last } = config.vision_config;
  const usual = [...new Set([Math.max(1, Math.round((2 * last) / 3)), last])];
  return { side: side ?? 4 * size, overlap, layers: layers ?? usual };
}

/**
 * Fits a detector for one product in a run folder, by the recipe's mode; `tuned` trains, and goes on where it was stopped.
 *
 * @throws UserError where there are too few sound images, the view does not fit the model, or the folder holds another run
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('promptkd:emoji-student', 'defects');
 * const dataset = await openDefectData('surfaces');
 * const recipe = defectsRecipe.parse({ data: { product: 'metal' }, shots: 8 });
 * const { folder } = await fitDefects({ model, dataset, recipe, runDir: 'runs/metal' });
 */
export async function fitDefects(options: FitDefectsOptions): Promise<FitDefectsResult> {
  const { recipe, dataset, model } = options;
  const product = productOf(dataset, recipe.data.product);
  const { name, fingerprint } = dataset;
  if ((options.engine?.group ?? single).size > 1) {
    throw new UserError('defects fit: expected one process: there is too little to compute for several');
  }
  return inRun({ command: 'defects', data: { name, fingerprint } }, options, async (run) => {
    run.identify('model', modelFingerprint(model));
    const result = await fitIn(run, product, options);
    const limits = result.detector?.limits;
    return {
      result,
      figures: limits && { threshold: limits.image.value, false_alarms_per_1000: limits.image.falseAlarms },
    };
  });
}

async function fitIn(run: Run, product: Product, options: FitDefectsOptions): Promise<FitDefectsResult> {
  const { recipe, dataset, model, runDir, signal, onProgress, engine } = options;
  const view = options.prompts?.view ?? viewOf(recipe, model);
  const { device, threads } = engine ?? {};
  const fit: FitOptions = {
    ...{ model, dtype: recipe.dtype, dataset, product, view, signal, device, threads },
    ...{ shots: recipe.shots, coreset: recipe.coreset, falseAlarms: recipe.false_alarms, seed: recipe.seed },
    onProgress: (phase, step, steps) => onProgress?.({ phase, step, steps }),
  };
  soundImages(fit);
  const folder = join(runDir, 'detector');
  const done = async (detector: Detector, skipped: readonly Skipped[], trained = { steps: 0, seconds: 0 }) => {
    run.skip(skipped);
    if (leads(engine?.group)) await saveDetector(folder, detector);
    const imagesSeen = trained.steps * recipe.tuning.batch;
    return { folder, finished: true, ...trained, imagesSeen, detector, skipped };
  };
  if (recipe.mode !== 'tuned') {
    const { detector, skipped } = await fitDetector(recipe.mode, fit);
    return done(detector, skipped);
  }
  if (options.prompts) {
    const { learned } = options.prompts;
    if (learned.mode !== 'tuned') {
      throw new UserError(`the prompts are of a ${learned.mode} detector: expected those of a tuned one`);
    }
    const made = await calibrated(learned, product.train, fit);
    return done(made.detector, made.skipped);
  }
  const tuned = await tune(run, view, fit, options);
  if (!tuned.finished) return { folder, ...tuned, imagesSeen: tuned.steps * recipe.tuning.batch };
  const made = await calibrated(tuned.learned, product.train, fit);
  return done(made.detector, [...tuned.skipped, ...made.skipped], { steps: tuned.steps, seconds: tuned.seconds });
}

type Tuned = { readonly steps: number; readonly seconds: number; readonly skipped: readonly Skipped[] } & (
  | { readonly finished: false }
  | { readonly finished: true; readonly learned: Learned }
);

async function tune(run: Run, view: View, fit: FitOptions, options: FitDefectsOptions): Promise<Tuned> {
  const { recipe, model, others, teacher, runDir, signal } = options;
  if (!others) throw new UserError('mode tuned: expected images of other products to learn from, got none');
  const { tuning, seed } = recipe;
  const space = tuning.adapters ? 'layer' : 'joint';
  const images = await tunedImages({ ...fit, view, space, dataset: others, teacher });
  const learned = initPrompts(model, tuning, view.layers, seed);
  const task = tunedTask(model, learned, images, view, teacher ? 'teacher' : 'masks', recipe);
  const engine = engineOptions(recipe, options.engine);
  const phase = 'tune';
  const { steps } = tuning;
  const source = { others: others.fingerprint, teacher: teacher && fingerprintOf(teacher) };
  const { finished, step, seconds, averaged } = await train(task, {
    ...engine,
    steps,
    optimizer: adamw(task.params, { weightDecay: tuning.weight_decay }),
    learningRate: warmupCosine({ peak: tuning.lr, steps, warmupSteps: tuning.warmup_steps }),
    clipNorm: 1,
    runDir,
    checkpointEvery: recipe.checkpoint_every,
    fingerprint: JSON.stringify({ recipe, ...source, model: modelFingerprint(model) }),
    signal,
    onStep: (event) => run.step({ phase, firstStep: 0, overallSteps: steps }, event),
  });
  const trained = { steps: step, seconds, skipped: images.skipped };
  if (!finished) return { ...trained, finished };
  takeValues(task.params, averaged);
  return { ...trained, finished, learned: await learnedOf(model, learned, tuning.adapters, fit) };
}

async function learnedOf(model: TowerModel, learned: Params, adapters: boolean, options: FitOptions): Promise<Learned> {
  const texts = await readStates(model, learned, options);
  return { mode: 'tuned', texts, ...(adapters && { adapters: adaptersOf(learned) }) };
}

function fingerprintOf({ model, learned }: Detector): string {
  const own: Params = 'texts' in learned ? { texts: learned.texts } : {};
  return `${modelFingerprint(model)} ${hashParams(own)}`;
}
