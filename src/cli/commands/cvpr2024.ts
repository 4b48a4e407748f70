import { join } from 'node:path';
import type { Command } from 'commander';
import type { Cvpr2024Recipe, Cvpr2024Seeds } from '../../cvpr2024/index.js';
import type { ImageTextDataset } from '../../data/index.js';
import type { RunOutcome } from '../../train/index.js';
import { examples, positiveInteger } from '../options.js';
import { type GivenRun, runTraining, type TrainingOptions, withPlanOptions, withTrainingOptions } from '../training.js';

interface Cvpr2024Options extends TrainingOptions {
  readonly teacher: string;
  readonly student: string;
  readonly transfer?: readonly string[];
  readonly seeds?: number;
}

export function addCvpr2024(program: Command): void {
  const command = program
    .command('cvpr2024')
    .description(
      'PromptKD as published at CVPR 2024: tune a teacher’s prompts on a few labelled images of base classes, distil them on images of all classes without labels into a frozen student’s visual prompts, measure base to novel over seeds',
    );
  withPlanOptions(withTrainingOptions(command, 'the teacher and of the student’s vision tower'))
    .requiredOption('--teacher <folder>', 'checkpoint folder or Hugging Face id of the teacher')
    .requiredOption(
      '--student <folder>',
      'checkpoint folder or Hugging Face id of the pre-trained student, which stays frozen',
    )
    .option('--seeds <n>', 'number of seeds to average over, from --seed on', positiveInteger)
    .option(
      '--transfer <data...>',
      'the cross-data-set setting: tune on --data, distil and measure on each of these, unlabelled train and test',
    )
    .addHelpText(
      'after',
      examples(
        'cvpr2024 --recipe promptkd:cvpr2024-pairs --teacher promptkd:emoji-pairs-teacher --student promptkd:emoji-pairs-features --out runs/cvpr2024',
        'cvpr2024 --teacher openai/clip-vit-large-patch14 --student openai/clip-vit-base-patch16 --data "coop:oxford_pets?novel=half" --recipe promptkd:cvpr2024 --out runs/pets',
        'cvpr2024 --teacher openai/clip-vit-large-patch14 --student openai/clip-vit-base-patch16 --data coop:imagenet --transfer coop:caltech-101 coop:dtd --recipe promptkd:cvpr2024-cross --out runs/cross',
      ),
    )
    .addHelpText(
      'after',
      '\nThe student of each seed is in OUT/seed-N/student; evaluate and export take\nOUT/seed-N.\n',
    )
    .action(run);
}

async function run(options: Cvpr2024Options): Promise<void> {
  await runTraining<Cvpr2024Recipe, RunOutcome<Cvpr2024Seeds>>(options, async () => {
    const [
      { cvpr2024Recipe, cvpr2024Seeds, fitCvpr2024, planCvpr2024 },
      { loadModelCheckpoint },
      { openDataset },
      { writeFileAtomic },
      output,
    ] = await Promise.all([
      import('../../cvpr2024/index.js'),
      import('../../model/index.js'),
      import('../../data/index.js'),
      import('../../files/index.js'),
      import('../output/cvpr2024.js'),
    ]);
    const { out } = options;
    const opened = async (given: GivenRun<Cvpr2024Recipe>, open: () => Promise<ImageTextDataset>) => ({
      ...given,
      teacher: await loadModelCheckpoint(options.teacher, given),
      student: await loadModelCheckpoint(options.student, given),
      dataset: await open(),
      targets: await Promise.all(given.recipe.transfer.map((target) => openDataset(target.dataset))),
      beyond: await Promise.all(given.recipe.beyond.map((target) => openDataset(target.dataset))),
    });

    return {
      schema: cvpr2024Recipe,
      flags: { seeds: options.seeds, transfer: options.transfer?.map((dataset) => ({ dataset })) },
      sources: { teacher: options.teacher, student: options.student },
      again: ['--teacher', options.teacher, '--student', options.student],
      adapt: async (recipe, _, open) => fitCvpr2024(recipe, await open()),
      plan: async (given, open) => planCvpr2024(await opened(given, open)),
      run: async (given, open) => {
        const result = await cvpr2024Seeds(await opened(given, open));
        if (result.finished) {
          const figures = `${JSON.stringify(output.cvpr2024Json(result), null, 1)}\n`;
          await writeFileAtomic(join(out, 'figures.json'), figures);
        }
        return result;
      },
      json: output.cvpr2024Json,
      closing: (result) => {
        const students = result.seeds.flatMap((seed) => seed.students);
        return {
          lines: output.cvpr2024Lines(result),
          saved: out,
          next: students.slice(0, 1).map((folder) => `evaluate ${folder} --data …`),
        };
      },
    };
  });
}
