import { examplesOf, type ImageTextDataset, withSubset } from '../data/index.js';
import { countParameters } from '../prompt/index.js';
import { engineOptions, type RunPlan, timeSteps } from '../train/index.js';
import { type PretrainOptions, preparePretraining } from './pretrain.js';

/**
 * What `pretrain` would do, without doing it: parameters, steps, disk, and time and memory by a few timed steps, which are
 * done on copies. Evaluations and saved states in between are not counted.
 *
 * @throws UserError for data that does not fit the recipe
 */
export async function planPretrain(
  options: PretrainOptions & { readonly dataset: ImageTextDataset },
): Promise<RunPlan> {
  const { recipe, runDir } = options;
  const dataset = withSubset(options.dataset, recipe.data.split, recipe.data, recipe.seed);
  const held: { dispose(): unknown }[] = [];
  const own = <T extends { dispose(): unknown }>(thing: T): T => {
    held.push(thing);
    return thing;
  };
  try {
    const { task } = await preparePretraining(dataset, options, own);
    const second = await timeSteps(task, engineOptions(recipe, options.engine));
    const { minutes } = recipe;
    const steps = minutes === undefined ? recipe.steps : Math.max(1, Math.floor((minutes * 60) / second));
    const parameters = countParameters(task.params);
    return {
      parameters: { model: parameters },
      phases: [{ name: 'pretrain', steps, lr: recipe.optimizer.lr }],
      images: examplesOf(dataset, recipe.data.split).filter(({ captions }) => captions.length > 0).length,
      imagesSeen: steps * recipe.batch * recipe.accumulate,
      preparations: [],
      seconds: steps * second,
      memory: process.resourceUsage().maxRSS * 1024,
      // Parameters, two moments and the average of each in the state, and two models in fp16: the last and the best.
      files: [{ what: 'the run', folder: runDir, bytes: (4 * 4 + 2 * 2) * parameters }],
      device: options.engine?.device ?? 'cpu',
      notes: [],
    };
  } finally {
    await Promise.all(held.map((thing) => thing.dispose()));
  }
}
