import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import type { Device } from '../../runtime/index.js';
import {
  type CommonOptions,
  dataOption,
  deviceOption,
  type EngineOptions,
  engineFlags,
  examples,
  positiveInteger,
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

interface Cvpr2024Options extends CommonOptions, RecipeOptions, SubsetOptions, EngineOptions {
  readonly teacher: string;
  readonly student: string;
  readonly transfer?: readonly string[];
  readonly seeds?: number;
  readonly out: string;
  readonly device: Device;
  readonly threads?: number;
  readonly tensorParallel?: number;
}

export function addCvpr2024(program: Command): void {
  const command = program
    .command('cvpr2024')
    .description(
      'PromptKD as published at CVPR 2024: tune a teacher’s prompts on a few labelled images, distil them without labels into a frozen student’s visual prompts, measure base to novel over seeds',
    );
  withEngineOptions(withSubsetOptions(withRecipeOptions(withCommonOptions(command))))
    .requiredOption('--teacher <folder>', 'checkpoint folder or Hugging Face id of the teacher')
    .requiredOption('--student <folder>', 'the same of the pre-trained student, which stays frozen')
    .addOption(dataOption())
    .option('--seeds <n>', 'how many seeds, from --seed on, the figures are a mean of', positiveInteger)
    .option(
      '--transfer <data...>',
      'the cross-data-set setting: tune on --data, distil and measure on each of these, unlabelled train and test',
    )
    .requiredOption('--out <folder>', 'run folder; a run that was stopped goes on from it')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(ranksOption('the teacher and of the student’s vision tower'))
    .addHelpText(
      'after',
      examples(
        'cvpr2024 --recipe recipes/cvpr2024-emoji.yaml --teacher models/emoji-teacher --student runs/small/model --out runs/cvpr2024',
        'cvpr2024 --teacher openai/clip-vit-large-patch14 --student openai/clip-vit-base-patch16 --data "coop:oxford_pets?novel=half" --recipe recipes/cvpr2024.yaml --out runs/pets',
        'cvpr2024 --teacher openai/clip-vit-large-patch14 --student openai/clip-vit-base-patch16 --data coop:imagenet --transfer coop:caltech-101 coop:dtd --seeds 1 --out runs/transfer',
      ),
    )
    .addHelpText(
      'after',
      '\nEach seed leaves its student in OUT/seed-N/student, a folder that evaluate and export (of OUT/seed-N) read.\n',
    )
    .action(run);
}

async function run(options: Cvpr2024Options): Promise<void> {
  const [
    { cvpr2024Recipe, cvpr2024Seeds },
    { loadCheckpoint },
    { openDataset },
    { writeFileAtomic },
    { loadRecipe, writeRecipe },
    { createProgress, showDownload },
    { resumable },
    { cvpr2024Json, cvpr2024Table },
  ] = await Promise.all([
    import('../../cvpr2024/index.js'),
    import('../../clip/index.js'),
    import('../../data/index.js'),
    import('../../files/index.js'),
    import('../../files/recipe-file.js'),
    import('../progress.js'),
    import('../interrupt.js'),
    import('../cvpr2024-output.js'),
  ]);
  const { out, device, threads } = options;
  const recipe = await loadRecipe(cvpr2024Recipe, {
    file: options.recipe,
    set: options.set,
    flags: {
      'data.dataset': options.data,
      ...subsetFlags(options),
      ...engineFlags(options),
      seed: options.seed,
      seeds: options.seeds,
      transfer: options.transfer?.map((dataset) => ({ dataset })),
    },
  });
  const progress = createProgress(options);
  const onDownload = showDownload(progress);
  try {
    const teacher = await loadCheckpoint(options.teacher, { onDownload });
    const student = await loadCheckpoint(options.student, { onDownload });
    const dataset = await openDataset(recipe.data.dataset);
    const targets = await Promise.all(recipe.transfer.map((target) => openDataset(target.dataset)));
    progress.log(await writeRecipe(out, recipe));
    const result = await resumable(out, (signal) =>
      cvpr2024Seeds({
        ...{ teacher, student, dataset, targets, recipe, signal },
        runDir: out,
        compile: { device, threads, ranks: options.tensorParallel },
        onStep: (job, { stage, step, steps, losses, imagesPerSecond }) =>
          progress.update({ phase: `${job} · ${stage}`, step, steps, losses, imagesPerSecond }),
        onTargets: (job, step, steps) => progress.update({ phase: `${job} · teacher targets`, step, steps }),
        onMeasure: (job) => progress.log(`${job} · measuring`),
      }),
    );
    await writeRecipe(out, recipe, { replace: true });
    for (const { seed, students } of result!.seeds) {
      for (const folder of students)
        await writeRecipe(dirname(folder), { ...recipe, seed, seeds: 1 }, { replace: true });
    }
    const figures = cvpr2024Json(result!);
    await writeFileAtomic(join(out, 'figures.json'), `${JSON.stringify(figures, null, 1)}\n`);
    progress.stop();
    printResult(options, figures, () => cvpr2024Table(result!));
  } finally {
    progress.stop();
  }
}
