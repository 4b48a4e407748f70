import { join } from 'node:path';
import type { RunPlan } from '../train/index.js';
import type { LayerPair } from './losses/layer-map.js';
import { phasesOf, stepsOf, withEpochSteps } from './phases.js';
import type { DistillOptions } from './prepare.js';
import type { DistillRecipe } from './recipe.js';
import { storeCost } from './targets/store-choice.js';
import { storedBytes } from './targets/target-store.js';
import type { Teacher } from './teacher/teacher.js';
import { type TimedWork, timeWork } from './timed-work.js';

/**
 * What {@link distill} would do, without doing it: what learns, steps, the size of the target store, and time and memory by
 * a few steps on a few of the images.
 *
 * @param timed where they were timed already, with a recipe that differs in steps and views at most
 * @throws UserError for a recipe that does not fit teacher or data
 */
export async function planDistill(options: DistillOptions, timed?: TimedWork): Promise<RunPlan> {
  const { runDir } = options;
  const work = timed ?? (await timeWork(options));
  const { images, parameters, memory } = work;
  const recipe = withEpochSteps(options.recipe, images);
  const phases = phasesOf(recipe);
  const costs = work.stores.map(({ teacher, pairs, folder }) => {
    const { bytes, bytesAView } = storeCost(recipe, teacher, pairs, images);
    return { bytesAView, left: Math.max(0, bytes - storedBytes(folder)) };
  });
  const { extraction, steps: seconds } = expectedTime(
    work,
    recipe,
    costs.map(({ left, bytesAView }) => left / bytesAView),
  );
  const sumOf = (of: (store: (typeof costs)[number]) => number) => costs.reduce((sum, one) => sum + of(one), 0);
  const { teacher, pairs } = work.stores[0]!;
  return {
    parameters,
    phases: phases.map(({ name, steps, lr }) => ({ name, steps, lr })),
    images,
    imagesSeen: stepsOf(phases) * recipe.batch * recipe.accumulate,
    preparations: [
      {
        what: `teacher targets of ${images.toLocaleString('en-GB')} images, ${recipe.views} ${recipe.views === 1 ? 'view' : 'views'}`,
        seconds: extraction,
      },
    ],
    ...{ seconds, memory },
    files: [
      {
        what: 'the teacher targets',
        folder: options.targetsDir ?? join(runDir, 'targets'),
        bytes: sumOf(({ left }) => left),
        each: { what: 'view', bytes: sumOf(({ bytesAView }) => bytesAView) },
        remedy: 'give fewer views (--set views=1) or mapped layers (--set losses.layers=last)',
      },
      // Parameters and two moments of each, in the state of the last phase and the one before, and the student.
      { what: 'the run', folder: runDir, bytes: 28 * parameters.student! },
    ],
    device: options.engine?.device ?? 'cpu',
    notes: storeNotes(recipe, teacher, pairs, images),
  };
}

/** Seconds that the teachers' targets and the steps take. @param views that each teacher's store still lacks; left out: all */
export function expectedTime(
  { images, secondsAStep, stores }: TimedWork,
  recipe: DistillRecipe,
  views: readonly number[] = stores.map(() => recipe.views),
): { readonly extraction: number; readonly steps: number } {
  return {
    extraction: stores.reduce((sum, one, k) => sum + one.secondsAnImage * images * views[k]!, 0),
    steps: phasesOf(recipe).reduce((sum, { name, steps }) => sum + steps * secondsAStep[name]!, 0),
  };
}

/** What other stores would cost, each alone in place of this one. */
function storeNotes(
  recipe: DistillRecipe,
  teacher: Teacher,
  pairs: readonly LayerPair[],
  images: number,
): readonly string[] {
  if (pairs.length === 0) return [];
  const cost = (change: Partial<Pick<DistillRecipe, 'views' | 'targets'>>, of = pairs) =>
    `${(storeCost({ ...recipe, ...change }, teacher, of, images).bytes / 1e9).toPrecision(2)} GB`;
  const { targets, views } = recipe;
  const { image_size, patch_size } = teacher.config.vision_config;
  const coarse = Math.floor(image_size / patch_size / 2);
  const choices: [boolean, string][] = [
    [views > 1, `one view ${cost({ views: 1 })} (--set views=1)`],
    [
      targets.precision === 'fp16',
      `layers in fp8 ${cost({ targets: { ...targets, precision: 'fp8' } })} (--set targets.precision=fp8)`,
    ],
    [
      targets.grid === undefined && coarse > 0,
      `patches pooled to ${coarse} × ${coarse} ${cost({ targets: { ...targets, grid: coarse } })} (--set targets.grid=${coarse})`,
    ],
    [pairs.length > 1, `the last layer alone ${cost({}, pairs.slice(-1))} (--set losses.layers=last)`],
    [true, `embeddings alone ${cost({}, [])} (--no-feature --no-attention --no-cross-modal)`],
  ];
  return [
    `teacher targets would take, by one choice: ${choices.flatMap(([has, text]) => (has ? [text] : [])).join(', ')}`,
  ];
}
