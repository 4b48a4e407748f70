import type { Command } from 'commander';
import { examples } from '../options.js';
import {
  runTraining,
  type TrainingOptions,
  withPlanOptions,
  withRoundsOptions,
  withTrainingOptions,
} from '../training.js';

interface PretrainOptions extends TrainingOptions {
  readonly from?: string;
}

export function addPretrain(program: Command): void {
  const command = program
    .command('pretrain')
    .description('train a CLIP model by contrastive learning, from scratch or further');
  withRoundsOptions(withPlanOptions(withTrainingOptions(command, 'the model')))
    .option('--from <folder>', 'checkpoint folder or Hugging Face id to train further')
    .addHelpText(
      'after',
      examples(
        'pretrain --recipe promptkd:pretrain-emoji-wide-32 --out runs/teacher',
        'pretrain --data folder:drawings --out runs/mine --set steps=2000 --set optimizer.lr=5e-4',
        'pretrain --data folder:drawings --out runs/little --fraction 0.1',
        'pretrain --from promptkd:emoji-teacher --data folder:drawings --out runs/further',
      ),
    )
    .action(run);
}

async function run(options: PretrainOptions): Promise<void> {
  await runTraining(options, async () => {
    const [{ planPretrain, pretrain, pretrainRecipe }, { evaluationText }, { shellLine }] = await Promise.all([
      import('../../pretrain/index.js'),
      import('../output/run-figures.js'),
      import('../../jobs/index.js'),
    ]);

    return {
      schema: pretrainRecipe,
      flags: { from: options.from },
      plan: async (given, open) => planPretrain({ ...given, dataset: await open() }),
      run: async (given, open) => pretrain({ ...given, dataset: await open() }),
      json: ({ folder, steps, seconds, imagesSeen, evaluation, best }) => ({
        ...{ model: folder, steps, train_seconds: seconds, images_seen: imagesSeen, evaluation, best },
      }),
      closing: ({ folder, steps, seconds, evaluation, best }, recipe) => ({
        lines: [
          `${steps.toLocaleString('en-GB')} steps in ${Math.round(seconds)} s`,
          ...(evaluation ? [evaluationText(evaluation)] : []),
          ...(best && best.step !== steps
            ? [`best at step ${best.step.toLocaleString('en-GB')}: ${evaluationText(best)}: ${best.folder}`]
            : []),
        ],
        saved: folder,
        next: [shellLine(['evaluate', folder, '--data', recipe.data.dataset])],
      }),
    };
  });
}
