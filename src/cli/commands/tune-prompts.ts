import type { Command } from 'commander';
import type { Device } from '../../runtime/index.js';
import {
  type CommonOptions,
  dataOption,
  deviceOption,
  type EngineOptions,
  engineFlags,
  examples,
  printResult,
  type RecipeOptions,
  ranksOption,
  type SubsetOptions,
  subsetFlags,
  threadsOption,
  withCommonOptions,
  withEngineOptions,
  withRecipeOptions,
  withSubsetOptions,
} from '../options.js';

interface TunePromptsOptions extends CommonOptions, RecipeOptions, SubsetOptions, EngineOptions {
  readonly split?: string;
  readonly unlabelled?: boolean;
  readonly out: string;
  readonly device: Device;
  readonly threads?: number;
  readonly tensorParallel?: number;
}

export function addTunePrompts(program: Command): void {
  const command = program
    .command('tune-prompts')
    .description('learn prompts and their encoder for a model that stands still, from labels or from images alone');
  withEngineOptions(withSubsetOptions(withRecipeOptions(withCommonOptions(command))))
    .argument('<model>', 'checkpoint folder or Hugging Face id of a CLIP model')
    .addOption(dataOption())
    .option('--split <name>', 'pictures to learn from')
    .option('--unlabelled', 'learn from images alone: the model’s own sure answers stand for labels')
    .requiredOption('--out <folder>', 'run folder; the model with its prompts goes to model/ in it')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(ranksOption('the model'))
    .addHelpText(
      'after',
      examples(
        'tune-prompts models/emoji-teacher --unlabelled --split val --out runs/prompts',
        'tune-prompts my-clip --data "folder:photos?classes=cat,dog" --unlabelled --out runs/pets --set pseudo.threshold=0.8',
        'tune-prompts my-clip --data folder:photos --fraction 0.1 --out runs/labelled --set steps=500',
      ),
    )
    .action(run);
}

async function run(folder: string, options: TunePromptsOptions): Promise<void> {
  const [
    { tunePrompts, tunePromptsRecipe },
    { loadCheckpoint },
    { openDataset },
    { loadRecipe, writeRecipe },
    { createProgress, showDownload },
    { resumable },
    { percent },
  ] = await Promise.all([
    import('../../tune-prompts/index.js'),
    import('../../clip/index.js'),
    import('../../data/index.js'),
    import('../../files/recipe-file.js'),
    import('../progress.js'),
    import('../interrupt.js'),
    import('../../report/index.js'),
  ]);
  const { out, device, threads } = options;
  const recipe = await loadRecipe(tunePromptsRecipe, {
    file: options.recipe,
    set: options.set,
    flags: {
      'data.dataset': options.data,
      'data.split': options.split,
      ...subsetFlags(options),
      ...engineFlags(options),
      seed: options.seed,
      unlabelled: options.unlabelled,
    },
  });
  const progress = createProgress(options);
  try {
    const model = await loadCheckpoint(folder, { onDownload: showDownload(progress) });
    const dataset = await openDataset(recipe.data.dataset);
    progress.log(await writeRecipe(out, recipe));
    const result = await resumable(out, (signal) =>
      tunePrompts({
        ...{ model, dataset, recipe, signal, runDir: out, compile: { device, threads, ranks: options.tensorParallel } },
        onStep: ({ step, steps, losses, imagesPerSecond }) =>
          progress.update({ phase: 'tune prompts', step, steps, losses, imagesPerSecond }),
      }),
    );
    await writeRecipe(out, recipe, { replace: true });
    progress.stop();
    const { folder: made, images, labelled, pseudoAccuracy, seconds } = result;
    const right = pseudoAccuracy === undefined ? '' : `, ${percent(pseudoAccuracy)} % of those right`;
    printResult(
      options,
      {
        ...{ model: made, unlabelled: recipe.unlabelled, images, train_seconds: seconds },
        ...{ labelled_images: labelled.images, labelled_classes: labelled.classes, pseudo_accuracy: pseudoAccuracy },
      },
      () =>
        `${made}: learned from ${images} images, ${labelled.images} of ${labelled.classes} classes with ${recipe.unlabelled ? `pseudo-labels${right}` : 'labels'}, in ${Math.round(seconds)} s; measure it with: promptkd evaluate ${made}`,
    );
  } finally {
    progress.stop();
  }
}
