import type { Command } from 'commander';
import type { DownloadOptions } from '../../clip/index.js';
import type { RunModelOptions } from '../../model/index.js';
import type { TunePromptsOptions as Tuning } from '../../tune-prompts/index.js';
import { examples } from '../options.js';
import {
  runTraining,
  type TrainingOptions,
  withPlanOptions,
  withRoundsOptions,
  withTrainingOptions,
} from '../training.js';

interface TunePromptsOptions extends TrainingOptions {
  readonly split?: string;
  readonly unlabelled?: boolean;
}

export function addTunePrompts(program: Command): void {
  const command = program
    .command('tune-prompts')
    .description('learn prompts and their encoder for a frozen model, from labels or from images alone');
  withRoundsOptions(withPlanOptions(withTrainingOptions(command, 'the model')))
    .argument('<model>', 'checkpoint folder or Hugging Face id of a CLIP model')
    .option('--split <name>', 'images to learn from')
    .option('--unlabelled', 'learn from unlabelled images: the model’s confident answers serve as labels')
    .addHelpText(
      'after',
      examples(
        'tune-prompts promptkd:emoji-teacher --unlabelled --split val --out runs/prompts',
        'tune-prompts my-clip --data "folder:photos?classes=cat,dog" --unlabelled --out runs/pets --set pseudo.threshold=0.8',
        'tune-prompts my-clip --data folder:photos --fraction 0.1 --out runs/labelled --set steps=500',
      ),
    )
    .action(run);
}

async function run(folder: string, options: TunePromptsOptions): Promise<void> {
  await runTraining(options, async () => {
    const [
      { planTunePrompts, tunePrompts, tunePromptsRecipe },
      { loadModelCheckpoint, trainingOf },
      { percent },
      { evaluationText },
      { shellLine },
    ] = await Promise.all([
      import('../../tune-prompts/index.js'),
      import('../../model/index.js'),
      import('../../report/index.js'),
      import('../output/run-figures.js'),
      import('../../jobs/index.js'),
    ]);

    let read: Promise<Tuning['model']> | undefined;
    const readModel = (download: DownloadOptions & RunModelOptions) => {
      read ??= loadModelCheckpoint(folder, download).then((model) => ({ ...model, training: trainingOf(folder) }));
      return read;
    };

    return {
      schema: tunePromptsRecipe,
      flags: { 'data.split': options.split, unlabelled: options.unlabelled },
      sources: { model: folder },
      again: [folder],
      plan: async (given, open) => {
        const model = await readModel(given);
        return planTunePrompts({ ...given, model, dataset: await open() });
      },
      run: async (given, open) => {
        const model = await readModel(given);
        return tunePrompts({ ...given, model, dataset: await open() });
      },
      json: (result) => ({
        ...{
          model: result.folder,
          unlabelled: result.unlabelled,
          images: result.images,
          train_seconds: result.seconds,
        },
        ...{ labelled_images: result.labelled.images, labelled_classes: result.labelled.classes },
        pseudo_accuracy: result.pseudoAccuracy,
        ...result.validation,
      }),
      closing: ({ folder: made, images, labelled, unlabelled, pseudoAccuracy, seconds, validation }, recipe) => {
        const right = pseudoAccuracy === undefined ? '' : `, ${percent(pseudoAccuracy)} % of those right`;
        return {
          lines: [
            `learned from ${images} images in ${Math.round(seconds)} s`,
            ...(validation
              ? [
                  `with prompts ${evaluationText(validation.last)}`,
                  `without ${evaluationText({ ...validation.last, ...validation.before })}`,
                ]
              : []),
            `${unlabelled ? 'pseudo-labels' : 'labels'}: ${labelled.images} images, classes among them: ${labelled.classes}${right}`,
          ],
          saved: made,
          next: [shellLine(['evaluate', made, '--data', recipe.data.dataset])],
        };
      },
    };
  });
}
