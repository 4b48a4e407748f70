import type { Command } from 'commander';
import type { Device } from '../../runtime/index.js';
import {
  type CommonOptions,
  dataOption,
  deviceOption,
  type EngineOptions,
  engineFlags,
  examples,
  type LoaderFlags,
  loaderOptions,
  printResult,
  type RecipeOptions,
  ranksOption,
  type SubsetOptions,
  subsetFlags,
  threadsOption,
  withCommonOptions,
  withEngineOptions,
  withLoaderOptions,
  withRecipeOptions,
  withSubsetOptions,
} from '../options.js';

interface PretrainOptions extends CommonOptions, RecipeOptions, SubsetOptions, EngineOptions, LoaderFlags {
  readonly from?: string;
  readonly out: string;
  readonly device: Device;
  readonly threads?: number;
  readonly tensorParallel?: number;
}

export function addPretrain(program: Command): void {
  const command = program
    .command('pretrain')
    .description('train a CLIP model by contrastive learning, from scratch or further');
  withLoaderOptions(withEngineOptions(withSubsetOptions(withRecipeOptions(withCommonOptions(command)))))
    .addOption(dataOption())
    .option('--from <folder>', 'checkpoint folder or Hugging Face id to train further')
    .requiredOption('--out <folder>', 'run folder; a run that was stopped goes on from it')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(ranksOption('the model'))
    .addHelpText(
      'after',
      examples(
        'pretrain --recipe recipes/pretrain-emoji-wide-32.yaml --out runs/teacher',
        'pretrain --data folder:drawings --out runs/mine --set steps=2000 --set optimizer.lr=5e-4',
        'pretrain --data folder:drawings --out runs/little --fraction 0.1',
        'pretrain --from models/emoji-teacher --data folder:drawings --out runs/further',
      ),
    )
    .action(run);
}

async function run(options: PretrainOptions): Promise<void> {
  const [
    { pretrain, pretrainRecipe },
    { loadRecipe, writeRecipe },
    { createProgress, showDownload, showTexts },
    { resumable },
  ] = await Promise.all([
    import('../../pretrain/index.js'),
    import('../../files/recipe-file.js'),
    import('../progress.js'),
    import('../interrupt.js'),
  ]);
  const { out, device, threads } = options;
  const loader = await loaderOptions(options);
  const recipe = await loadRecipe(pretrainRecipe, {
    file: options.recipe,
    set: options.set,
    flags: {
      'data.dataset': options.data,
      seed: options.seed,
      from: options.from,
      ...subsetFlags(options),
      ...engineFlags(options),
    },
  });
  const progress = createProgress(options);
  progress.log(await writeRecipe(out, recipe));
  try {
    const result = await resumable(out, (signal) =>
      pretrain({
        recipe,
        runDir: out,
        device,
        threads,
        loader,
        ranks: options.tensorParallel,
        signal,
        onDownload: showDownload(progress),
        onTexts: showTexts(progress),
        onStep: ({ step, steps, losses, imagesPerSecond, accuracy }) => {
          progress.update({ phase: 'pretrain', step, steps, losses, imagesPerSecond });
          if (accuracy)
            progress.log(
              `step ${step}: top-1 ${share(accuracy.top1)}, top-5 ${share(accuracy.top5)} of ${accuracy.drawings} drawings`,
            );
        },
      }),
    );
    await writeRecipe(out, recipe, { replace: true });
    progress.stop();
    printResult(
      options,
      result,
      () =>
        `${result.modelDir}: ${result.step} steps${result.accuracy ? `, top-1 ${share(result.accuracy.top1)}, top-5 ${share(result.accuracy.top5)}` : ''}`,
    );
  } finally {
    progress.stop();
  }
}

const share = (fraction: number) => `${(fraction * 100).toFixed(1)} %`;
