import { withSubset } from '../data/index.js';
import { ranksFor } from '../model/index.js';
import { countParameters } from '../prompt/index.js';
import { engineOptions, type RunPlan, timeSteps } from '../train/index.js';
import { preparePromptTuning, promptTuningTask, type TunePromptsOptions, withUnlabelled } from './prepare-tuning.js';

/**
 * What `tunePrompts` would do, without doing it: parameters, steps, disk, and time and memory by a few timed steps, which are
 * done on copies. Pseudo-labels, which are made before the first step, are not: any labels take as long to learn from.
 *
 * @throws UserError for data that does not fit the recipe
 */
export async function planTunePrompts(options: TunePromptsOptions): Promise<RunPlan> {
  const recipe = withUnlabelled(options.recipe, options.dataset);
  const { model, runDir, engine } = options;
  ranksFor('model', model.config, engine);
  const dataset = withSubset(options.dataset, recipe.data.split, recipe.data, recipe.seed);
  const ready = await preparePromptTuning(dataset, { ...options, recipe });
  const { examples, classes } = ready;
  const labels = examples.map((_, i) => i % classes.length);
  const held: { dispose(): unknown }[] = [];
  const own = <T extends { dispose(): unknown }>(thing: T): T => {
    held.push(thing);
    return thing;
  };
  try {
    const { task } = await promptTuningTask(dataset, ready, labels, options, own);
    const second = await timeSteps(task, engineOptions(recipe, engine));
    const learned = countParameters(task.params);
    const { steps, lr } = recipe;
    return {
      parameters: { 'prompt encoder': learned, 'frozen model': countParameters(model.params) },
      phases: [{ name: 'tune prompts', steps, lr }],
      images: examples.length,
      imagesSeen: steps * recipe.batch * recipe.accumulate,
      preparations: recipe.unlabelled ? [{ what: `pseudo-labels of ${examples.length} images` }] : [],
      seconds: steps * second,
      memory: process.resourceUsage().maxRSS * 1024,
      // The model beside its prompts; parameters and two moments of each in the state.
      files: [{ what: 'the run', folder: runDir, bytes: 4 * countParameters(model.params) + 16 * learned }],
      device: engine?.device ?? 'cpu',
      notes: [],
    };
  } finally {
    await Promise.all(held.map((thing) => thing.dispose()));
  }
}
